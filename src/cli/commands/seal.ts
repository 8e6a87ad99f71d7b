import { VhdupError } from '../../errors.js';
import { credentialOptions } from '../blob-flags.js';
import type { Command } from '../command.js';
import { SEAL } from '../definition/manage.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { progressView } from '../progress.js';
import { sealJson, sealLines } from '../reports/seal.js';
import { untilOf } from '../seal-flags.js';

/** `vhdup seal`: protects a finished blob from changes. */
export const sealCommand: Command<typeof SEAL> = {
  definition: SEAL,
  handler: async (flags) => {
    const { until } = flags;
    if (!flags.immutable && (until !== undefined || flags.days !== undefined))
      throw new VhdupError('usage', '--until and --days go with --immutable');
    const seal = flags.immutable
      ? ({ kind: 'immutable', until: untilOf('', until, flags.days) } as const)
      : ({ kind: 'lease' } as const);
    const { sealBlob } = await import('../../manage/seal-blob.js');
    const credentials = await credentialOptions(flags, flags.blob);
    const { onEvent } = progressView({ quiet: true, verbose: flags.verbose });
    const result = await interruptible((signal) => sealBlob(flags.blob, { ...credentials, seal, signal, onEvent }));
    printResult(flags.json, sealJson(result), () => sealLines(result));
  },
};
