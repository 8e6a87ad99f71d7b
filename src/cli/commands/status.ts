import { credentialOptions } from '../blob-flags.js';
import type { Command } from '../command.js';
import { STATUS } from '../definition/manage.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { progressView } from '../progress.js';
import { statusJson, statusLines } from '../reports/status.js';

/** `vhdup status`: shows the progress of a push to a blob, and the holder of its lease. */
export const statusCommand: Command<typeof STATUS> = {
  definition: STATUS,
  handler: async (flags) => {
    const { blobStatus } = await import('../../manage/blob-status.js');
    const credentials = await credentialOptions(flags, flags.blob);
    const { onEvent } = progressView({ quiet: true, verbose: flags.verbose });
    const status = await interruptible((signal) => blobStatus(flags.blob, { ...credentials, signal, onEvent }));
    printResult(flags.json, statusJson(status), () => statusLines(status));
  },
};
