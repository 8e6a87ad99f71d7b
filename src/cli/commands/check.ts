import { VhdupError } from '../../errors.js';
import { isBlobUri } from '../../azure/location.js';
import { checkDisk } from '../../disk/check.js';
import type { Command } from '../command.js';
import { imageOptions, requireFile } from '../disk-flags.js';
import { EXIT } from '../exit-code.js';
import { CHECK } from '../definition/read.js';
import { printResult } from '../output.js';
import { checkJson, checkLines } from '../reports/check.js';

/** `vhdup check`: lists all problems of a disk, with their places. */
export const checkCommand: Command<typeof CHECK> = {
  definition: CHECK,
  handler: async (flags) => {
    if (isBlobUri(flags.disk))
      throw new VhdupError('usage', 'check takes a local file', { hint: 'vhdup info shows what is known of a blob' });
    requireFile(flags.disk, 'reads');
    const report = await checkDisk(flags.disk, imageOptions(flags));
    printResult(flags.json, checkJson(report), () => checkLines(report));
    if (report.errors.length > 0) process.exitCode = EXIT.badDisk;
  },
};
