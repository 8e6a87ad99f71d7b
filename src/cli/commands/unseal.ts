import { VhdupError } from '../../errors.js';
import type { Command } from '../command.js';
import { confirm } from '../confirm.js';
import { UNSEAL } from '../definition/manage.js';
import { printResult } from '../output.js';
import { unsealJson, unsealLines } from '../reports/seal.js';
import { runOnBlob } from '../run-on-blob.js';

/** `vhdup unseal`: removes the infinite lease of `vhdup seal` or `push --seal`. */
export const unsealCommand: Command<typeof UNSEAL> = {
  definition: UNSEAL,
  handler: async (flags) => {
    const { leaseId } = flags;
    if (leaseId !== undefined && flags.break)
      throw new VhdupError('usage', '--lease-id and --break cannot be used together');
    const { unsealBlob } = await import('../../manage/seal-blob.js');
    const result = await runOnBlob(flags, flags.blob, async (options) => {
      if (
        flags.break &&
        !flags.yes &&
        !(await confirm(
          `break the lease of ${flags.blob.replace(/\?.*$/s, '')}, which another process or machine may hold?`,
          options.signal,
        ))
      )
        throw new VhdupError('cancelled', 'nothing was changed');
      return unsealBlob(flags.blob, { ...options, leaseId, break: flags.break });
    });
    printResult(flags.json, unsealJson(result), () => unsealLines(result));
  },
};
