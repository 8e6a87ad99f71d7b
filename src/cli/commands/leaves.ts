import { blobTitle } from '../blob-title.js';
import type { Command } from '../command.js';
import { credentialOptions } from '../credential-flags.js';
import { LEAVES } from '../definition/manage.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { paceOptions } from '../pace-flags.js';
import { progressView } from '../progress.js';
import { leavesJson, leavesLines } from '../reports/leaf-list.js';

/** `vhdup leaves`: makes the list of leaves of a blob that has none. */
export const leavesCommand: Command<typeof LEAVES> = {
  definition: LEAVES,
  handler: async (flags) => {
    const pace = paceOptions(flags);
    const credentials = await credentialOptions(flags, flags.blob);
    const { makeLeafList } = await import('../../manage/make-leaf-list.js');
    const view = progressView(flags);
    const result = await interruptible((signal) =>
      view.run(`Reading ${blobTitle(flags.blob)}`, () =>
        makeLeafList(flags.blob, { ...credentials, ...pace, signal, onEvent: view.onEvent }),
      ),
    );
    printResult(flags.json, leavesJson(result), () => leavesLines(result));
  },
};
