import type { Command } from '../command.js';
import { STATUS } from '../definition/manage.js';
import { printResult } from '../output.js';
import { statusJson, statusLines } from '../reports/status.js';
import { runOnBlob } from '../run-on-blob.js';

/** `vhdup status`: shows the progress of a push to a blob, and the holder of its lease. */
export const statusCommand: Command<typeof STATUS> = {
  definition: STATUS,
  handler: async (flags) => {
    const { blobStatus } = await import('../../manage/blob-status.js');
    const status = await runOnBlob(flags, flags.blob, (options) => blobStatus(flags.blob, options));
    printResult(flags.json, statusJson(status), () => statusLines(status));
  },
};
