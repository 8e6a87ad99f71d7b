import { credentialOptions } from '../blob-flags.js';
import type { Command } from '../command.js';
import { confirm } from '../confirm.js';
import { ABORT } from '../definition/manage.js';
import { interruptible } from '../interrupt.js';
import { printMessage, printResult } from '../output.js';
import { progressView } from '../progress.js';
import { abortJson, abortLines } from '../reports/abort.js';

/** `vhdup abort`: deletes the destination of an unfinished push. */
export const abortCommand: Command<typeof ABORT> = {
  definition: ABORT,
  handler: async (flags) => {
    const { abortPush } = await import('../../manage/abort-push.js');
    const credentials = await credentialOptions(flags, flags.blob);
    const { onEvent } = progressView({ quiet: true, verbose: flags.verbose });
    const result = await interruptible((signal) =>
      abortPush(flags.blob, {
        ...credentials,
        signal,
        onEvent: (event) => {
          if (event.type === 'note') printMessage(event.message);
          else onEvent(event);
        },
        confirm: flags.yes ? undefined : (what) => confirm(`delete ${what}?`, signal),
      }),
    );
    printResult(flags.json, abortJson(result), () => abortLines(result));
  },
};
