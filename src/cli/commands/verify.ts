import { VhdupError } from '../../errors.js';
import { isBlobUri } from '../../azure/location.js';
import { openDisk } from '../../disk/open.js';
import { blobTitle, fileTitle } from '../blob-title.js';
import { credentialOptions } from '../credential-flags.js';
import type { Command } from '../command.js';
import { imageOptions, requireFile } from '../disk-flags.js';
import { paceOptions } from '../pace-flags.js';
import { EXIT } from '../exit-code.js';
import { VERIFY } from '../definition/read.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { progressView } from '../progress.js';
import { verifyJson, verifyLines } from '../reports/verify.js';

/** `vhdup verify`: compares a disk with a blob. */
export const verifyCommand: Command<typeof VERIFY> = {
  definition: VERIFY,
  handler: async (flags) => {
    if (isBlobUri(flags.disk))
      throw new VhdupError('usage', 'the disk is a local file and comes first, then the URI of the blob');
    requireFile(flags.disk, 'reads');
    const pace = paceOptions(flags);
    const credentials = await credentialOptions(flags, flags.blob);
    await using disk = await openDisk(flags.disk, imageOptions(flags));
    const { verify } = await import('../../verify/verify.js');
    const view = progressView(flags);
    const result = await interruptible((signal) =>
      view.run(`Comparing ${fileTitle(flags.disk)} with ${blobTitle(flags.blob)}`, () =>
        verify(disk, flags.blob, { ...credentials, deep: flags.deep, ...pace, signal, onEvent: view.onEvent }),
      ),
    );
    printResult(flags.json, verifyJson(result), () => verifyLines(result, { verbose: flags.verbose }));
    if (!result.equal) process.exitCode = EXIT.contentDiffers;
  },
};
