import { VhdupError } from '../../errors.js';
import { credentialOptions } from '../blob-flags.js';
import type { Command } from '../command.js';
import { confirm } from '../confirm.js';
import { UNSEAL } from '../definition/manage.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { progressView } from '../progress.js';
import { unsealJson, unsealLines } from '../reports/seal.js';

/** `vhdup unseal`: removes the infinite lease of `vhdup seal` or `push --seal`. */
export const unsealCommand: Command<typeof UNSEAL> = {
  definition: UNSEAL,
  handler: async (flags) => {
    const { leaseId } = flags;
    if (leaseId !== undefined && flags.break)
      throw new VhdupError('usage', '--lease-id and --break are two ways: give one');
    const { unsealBlob } = await import('../../manage/seal-blob.js');
    const credentials = await credentialOptions(flags, flags.blob);
    const { onEvent } = progressView({ quiet: true, verbose: flags.verbose });
    const result = await interruptible(async (signal) => {
      if (
        flags.break &&
        !flags.yes &&
        !(await confirm(
          `break the lease of ${flags.blob.replace(/\?.*$/s, '')}, which another process or machine may hold?`,
          signal,
        ))
      )
        throw new VhdupError('cancelled', 'nothing was changed');
      return unsealBlob(flags.blob, { ...credentials, leaseId, break: flags.break, signal, onEvent });
    });
    printResult(flags.json, unsealJson(result), () => unsealLines(result));
  },
};
