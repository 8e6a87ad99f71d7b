import { credentialOptions, blobFlags, type BlobFlags } from '../blob-flags.js';
import type { Command } from '../command.js';
import { confirm } from '../confirm.js';
import { interruptible } from '../interrupt.js';
import { printMessage, printResult } from '../output.js';
import { progressView } from '../progress.js';
import { abortJson, abortLines } from '../reports/abort.js';
import { keepWarnings } from '../running-command.js';

interface AbortFlags extends BlobFlags {
  readonly blob: string;
  readonly yes: boolean;
  readonly json: boolean;
}

/** `vhdup abort`: deletes the destination of an unfinished push. */
export const abortCommand: Command<AbortFlags> = {
  command: 'abort <blob>',
  describe: 'delete the destination of an unfinished push; finished and foreign blobs are left alone',
  builder: (yargs) =>
    blobFlags(yargs)
      .positional('blob', { type: 'string', demandOption: true, describe: 'URI of the destination' })
      .option('yes', { type: 'boolean', default: false, describe: 'do not ask' })
      .option('json', { type: 'boolean', default: false, describe: 'print one JSON object instead of text' }),
  handler: async (flags) => {
    const { abortPush } = await import('../../manage/abort-push.js');
    const credentials = await credentialOptions(flags, flags.blob);
    const { onEvent } = progressView({ quiet: true });
    const result = await interruptible((signal) =>
      abortPush(flags.blob, {
        ...credentials,
        signal,
        onEvent: keepWarnings((event) => {
          if (event.type === 'note') printMessage(event.message);
          else onEvent(event);
        }),
        confirm: flags.yes ? undefined : (what) => confirm(`delete ${what}?`, signal),
      }),
    );
    printResult(flags.json, abortJson(result), () => abortLines(result));
  },
};
