import { credentialOptions, blobFlags, type BlobFlags } from '../blob-flags.js';
import type { Command } from '../command.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { statusJson, statusLines } from '../reports/status.js';

interface StatusFlags extends BlobFlags {
  readonly blob: string;
  readonly json: boolean;
}

/** `vhdup status`: shows the progress of a push to a blob, and the holder of its lease. */
export const statusCommand: Command<StatusFlags> = {
  command: 'status <blob>',
  describe: 'show where a push to a blob stands, and who holds it',
  builder: (yargs) =>
    blobFlags(yargs)
      .positional('blob', { type: 'string', demandOption: true, describe: 'URI of a blob' })
      .option('json', { type: 'boolean', default: false, describe: 'print one JSON object instead of text' }),
  handler: async (flags) => {
    const { blobStatus } = await import('../../manage/blob-status.js');
    const credentials = await credentialOptions(flags, flags.blob);
    const status = await interruptible((signal) => blobStatus(flags.blob, { ...credentials, signal }));
    printResult(flags.json, statusJson(status), () => statusLines(status));
  },
};
