import { VhdupError } from '../../errors.js';
import { isBlobUri } from '../../azure/location.js';
import { checkDisk } from '../../disk/check.js';
import { imageFlags, imageOptions, type Command, type ImageFlags } from '../command.js';
import { EXIT } from '../exit-code.js';
import { printResult } from '../output.js';
import { checkJson, checkLines } from '../reports/check.js';

interface CheckFlags extends ImageFlags {
  readonly disk: string;
}

/** `vhdup check`: lists all problems of a disk, with their places. */
export const checkCommand: Command<CheckFlags> = {
  command: 'check <disk>',
  describe: 'check every structure of a disk and of its parents, and list all that is wrong with them',
  builder: (yargs) =>
    imageFlags(yargs)
      .positional('disk', { type: 'string', demandOption: true, describe: 'a VHD or a raw disk' })
      .epilogue(
        `Exit code ${EXIT.done} where there are no errors (warnings are allowed), ${EXIT.badDisk} where there are.`,
      ),
  handler: async (flags) => {
    if (isBlobUri(flags.disk))
      throw new VhdupError('usage', 'check takes a local file', { hint: 'vhdup info shows what is known of a blob' });
    const report = await checkDisk(flags.disk, imageOptions(flags));
    printResult(flags.json, checkJson(report), () => checkLines(report));
    if (report.errors.length > 0) process.exitCode = EXIT.badDisk;
  },
};
