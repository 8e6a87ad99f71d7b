import type { Command } from '../command.js';
import { confirm } from '../confirm.js';
import { ABORT } from '../definition/manage.js';
import { printResult } from '../output.js';
import { abortJson, abortLines } from '../reports/abort.js';
import { runOnBlob } from '../run-on-blob.js';

/** `vhdup abort`: deletes the destination of an unfinished push. */
export const abortCommand: Command<typeof ABORT> = {
  definition: ABORT,
  handler: async (flags) => {
    const { abortPush } = await import('../../manage/abort-push.js');
    const result = await runOnBlob(flags, flags.blob, (options) =>
      abortPush(flags.blob, {
        ...options,
        confirm: flags.yes ? undefined : (what) => confirm(`delete ${what}?`, options.signal),
      }),
    );
    printResult(flags.json, abortJson(result), () => abortLines(result));
  },
};
