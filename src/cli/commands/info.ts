import { isBlobUri } from '../../azure/location.js';
import { openDisk } from '../../disk/open.js';
import { credentialOptions, blobFlags, type BlobFlags } from '../blob-flags.js';
import { imageFlags, imageOptions, type Command, type ImageFlags } from '../command.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { blobJson, blobLines, diskJson, diskLines } from '../reports/info.js';

interface InfoFlags extends ImageFlags, BlobFlags {
  readonly disk: string;
}

/** `vhdup info`: shows the properties of a disk or a blob, and its problems. */
export const infoCommand: Command<InfoFlags> = {
  command: 'info <disk>',
  describe: 'show format, id, size, chain and allocation of a disk or a blob, and what is wrong with it',
  builder: (yargs) =>
    blobFlags(imageFlags(yargs)).positional('disk', {
      type: 'string',
      demandOption: true,
      describe: 'a VHD or a raw disk, or the URI of a page blob',
    }),
  handler: async (flags) => {
    if (isBlobUri(flags.disk)) {
      const { inspectBlob } = await import('../../manage/inspect-blob.js');
      const credentials = await credentialOptions(flags, flags.disk);
      const report = await interruptible((signal) => inspectBlob(flags.disk, { ...credentials, signal }));
      printResult(flags.json, blobJson(report), () => blobLines(report));
      return;
    }
    await using disk = await openDisk(flags.disk, imageOptions(flags));
    printResult(flags.json, diskJson(disk), () => diskLines(disk));
  },
};
