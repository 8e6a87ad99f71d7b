import { VhdupError } from '../../errors.js';
import { credentialOptions, blobFlags, type BlobFlags } from '../blob-flags.js';
import { single, type Command } from '../command.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { progressView } from '../progress.js';
import { sealJson, sealLines } from '../reports/seal.js';
import { keepWarnings } from '../running-command.js';
import { untilOf } from '../seal-flags.js';

interface SealCommandFlags extends BlobFlags {
  readonly blob: string;
  readonly immutable: boolean;
  readonly until: string | readonly string[] | undefined;
  readonly days: number | undefined;
  readonly json: boolean;
}

/** `vhdup seal`: protects a finished blob from changes. */
export const sealCommand: Command<SealCommandFlags> = {
  command: 'seal <blob>',
  describe: 'keep a finished blob from changing, by an infinite lease or a policy of the service',
  builder: (yargs) =>
    blobFlags(yargs)
      .positional('blob', { type: 'string', demandOption: true, describe: 'URI of a blob' })
      .option('immutable', {
        type: 'boolean',
        default: false,
        describe: 'by a policy of the service (needs version-level immutability), not by a lease',
      })
      .option('until', {
        type: 'string',
        requiresArg: true,
        describe: 'for --immutable: until the end of this day in UTC, such as 2027-01-31',
      })
      .option('days', { type: 'number', requiresArg: true, describe: 'for --immutable: for so many days from now' })
      .option('json', { type: 'boolean', default: false, describe: 'print one JSON object instead of text' }),
  handler: async (flags) => {
    const until = single('until', flags.until);
    if (!flags.immutable && (until !== undefined || flags.days !== undefined))
      throw new VhdupError('usage', '--until and --days go with --immutable');
    const seal = flags.immutable
      ? ({ kind: 'immutable', until: untilOf('', until, flags.days) } as const)
      : ({ kind: 'lease' } as const);
    const { sealBlob } = await import('../../manage/seal-blob.js');
    const credentials = await credentialOptions(flags, flags.blob);
    const { onEvent } = progressView({ quiet: true });
    const result = await interruptible((signal) =>
      sealBlob(flags.blob, { ...credentials, seal, signal, onEvent: keepWarnings(onEvent) }),
    );
    printResult(flags.json, sealJson(result), () => sealLines(result));
  },
};
