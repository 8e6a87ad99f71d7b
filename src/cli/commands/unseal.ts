import type { Argv } from 'yargs';
import { VhdupError } from '../../errors.js';
import { credentialOptions, blobFlags, type BlobFlags } from '../blob-flags.js';
import { single, type Command } from '../command.js';
import { confirm } from '../confirm.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { unsealJson, unsealLines } from '../reports/seal.js';

interface UnsealFlags extends BlobFlags {
  readonly blob: string;
  readonly leaseId: string | readonly string[] | undefined;
  readonly break: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** `vhdup unseal`: removes the infinite lease of `vhdup seal` or `push --seal`. */
export const unsealCommand: Command<UnsealFlags> = {
  command: 'unseal <blob>',
  describe: 'take off the infinite lease that seals a blob',
  builder: (yargs) =>
    blobFlags(yargs)
      .positional('blob', { type: 'string', demandOption: true, describe: 'URI of a blob' })
      .option('lease-id', {
        type: 'string',
        requiresArg: true,
        describe: 'id of the lease (default: what this machine keeps)',
      })
      .option('break', { type: 'boolean', default: false, describe: 'end the lease without its id' })
      .option('yes', { type: 'boolean', default: false, describe: 'do not ask' })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'print one JSON object instead of text',
      }) as unknown as Argv<UnsealFlags>,
  handler: async (flags) => {
    const leaseId = single('lease-id', flags.leaseId);
    if (leaseId !== undefined && flags.break)
      throw new VhdupError('usage', '--lease-id and --break are two ways: give one');
    const { unsealBlob } = await import('../../manage/seal-blob.js');
    const credentials = await credentialOptions(flags, flags.blob);
    const result = await interruptible(async (signal) => {
      if (
        flags.break &&
        !flags.yes &&
        !(await confirm(`break the lease of ${flags.blob.replace(/\?.*$/s, '')}, whoever holds it?`, signal))
      )
        throw new VhdupError('cancelled', 'nothing was changed');
      return unsealBlob(flags.blob, { ...credentials, leaseId, break: flags.break, signal });
    });
    printResult(flags.json, unsealJson(result), () => unsealLines(result));
  },
};
