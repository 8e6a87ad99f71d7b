import { VhdupError } from '../../errors.js';
import type { Command } from '../command.js';
import { SEAL } from '../definition/manage.js';
import { printResult } from '../output.js';
import { sealJson, sealLines } from '../reports/seal.js';
import { runOnBlob } from '../run-on-blob.js';
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
    const result = await runOnBlob(flags, flags.blob, (options) => sealBlob(flags.blob, { ...options, seal }));
    printResult(flags.json, sealJson(result), () => sealLines(result));
  },
};
