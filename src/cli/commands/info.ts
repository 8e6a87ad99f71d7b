import { isBlobUri } from '../../azure/location.js';
import { openDisk } from '../../disk/open.js';
import { credentialOptions } from '../blob-flags.js';
import { imageOptions, requireFile, type Command } from '../command.js';
import { INFO } from '../definition/read.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { progressView } from '../progress.js';
import { blobJson, blobLines, diskJson, diskLines } from '../reports/info.js';

/** `vhdup info`: shows the properties of a disk or a blob, and its problems. */
export const infoCommand: Command<typeof INFO> = {
  definition: INFO,
  handler: async (flags) => {
    if (isBlobUri(flags.disk)) {
      const { inspectBlob } = await import('../../manage/inspect-blob.js');
      const credentials = await credentialOptions(flags, flags.disk);
      const { onEvent } = progressView({ quiet: true, verbose: flags.verbose });
      const report = await interruptible((signal) => inspectBlob(flags.disk, { ...credentials, signal, onEvent }));
      printResult(flags.json, blobJson(report), () => blobLines(report));
      return;
    }
    requireFile(flags.disk, 'reads');
    await using disk = await openDisk(flags.disk, imageOptions(flags));
    printResult(flags.json, diskJson(disk), () => diskLines(disk));
  },
};
