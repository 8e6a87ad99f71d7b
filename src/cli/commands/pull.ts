import { VhdupError } from '../../errors.js';
import { isBlobUri } from '../../azure/location.js';
import type { PullOptions } from '../../pull/options.js';
import { blobTitle, fileTitle } from '../blob-title.js';
import { credentialOptions } from '../credential-flags.js';
import type { Command } from '../command.js';
import { openOptions, requireFile } from '../disk-flags.js';
import { paceOptions } from '../pace-flags.js';
import { PULL } from '../definition/pull.js';
import { printResult } from '../output.js';
import { progressView } from '../progress.js';
import { runResumable } from '../run-resumable.js';
import { pullJson, pullLines } from '../reports/pull.js';

/** `vhdup pull`: downloads a page blob to a disk. */
export const pullCommand: Command<typeof PULL> = {
  definition: PULL,
  handler: async (flags) => {
    const { blob, file: out, json, verbose, format, overwrite, checkMd5 } = flags;
    if (!isBlobUri(blob))
      throw new VhdupError('usage', 'the blob to pull is named by its URI', {
        hint: 'vhdup pull https://ACCOUNT.blob.core.windows.net/CONTAINER/disk.vhd disk.vhd',
      });
    if (isBlobUri(out)) throw new VhdupError('usage', 'the output is a local file');
    requireFile(out, 'writes');
    const pace = paceOptions(flags);
    const credentials = await credentialOptions(flags, blob);
    // Beyond a limit on the size of files (ulimit -f) this signal would kill the process. With a listener, the write fails instead.
    process.on('SIGXFSZ', () => undefined);
    const { pull } = await import('../../pull/pull.js');
    const view = progressView(flags);
    await runResumable({ view, json, outcome: 'are downloaded' }, async (signal) => {
      const options: PullOptions = {
        ...credentials,
        ...openOptions(flags),
        format,
        onto: flags.onto,
        overwrite,
        checkMd5,
        ...pace,
        signal,
        onEvent: view.onEvent,
      };
      const result = await view.run(`Pulling ${blobTitle(blob)} to ${fileTitle(out)}`, () => pull(blob, out, options));
      printResult(json, pullJson(result), () => pullLines(result, { verbose }));
    });
  },
};
