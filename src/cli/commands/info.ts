import { isBlobUri } from '../../azure/location.js';
import { openDisk } from '../../disk/open.js';
import type { Command } from '../command.js';
import { imageOptions, requireFile } from '../disk-flags.js';
import { INFO } from '../definition/read.js';
import { printResult } from '../output.js';
import { blobJson, blobLines, diskJson, diskLines } from '../reports/info.js';
import { runOnBlob } from '../run-on-blob.js';

/** `vhdup info`: shows the properties of a disk or a blob, and its problems. */
export const infoCommand: Command<typeof INFO> = {
  definition: INFO,
  handler: async (flags) => {
    if (isBlobUri(flags.disk)) {
      const { inspectBlob } = await import('../../manage/inspect-blob.js');
      const report = await runOnBlob(flags, flags.disk, (options) => inspectBlob(flags.disk, options));
      printResult(flags.json, blobJson(report), () => blobLines(report));
      return;
    }
    requireFile(flags.disk, 'reads');
    await using disk = await openDisk(flags.disk, imageOptions(flags));
    printResult(flags.json, diskJson(disk), () => diskLines(disk, { verbose: flags.verbose }));
  },
};
