import type { Argv } from 'yargs';
import { VhdupError } from '../../errors.js';
import { isBlobUri } from '../../azure/location.js';
import { openDisk } from '../../disk/open.js';
import { blobTitle, fileTitle } from '../blob-title.js';
import { credentialOptions, blobFlags, type BlobFlags } from '../blob-flags.js';
import {
  imageFlags,
  imageOptions,
  paceOptions,
  workFlags,
  type Command,
  type ImageFlags,
  type WorkFlags,
} from '../command.js';
import { EXIT } from '../exit-code.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { progressView } from '../progress.js';
import { verifyLines } from '../reports/verify.js';

interface VerifyFlags extends ImageFlags, WorkFlags, BlobFlags {
  readonly disk: string;
  readonly blobUri: string;
  readonly deep: boolean;
}

/** `vhdup verify`: compares a disk with a blob. */
export const verifyCommand: Command<VerifyFlags> = {
  command: 'verify <disk> <blob-uri>',
  describe: 'compare a disk with a blob, byte for byte, and name what differs',
  builder: (yargs) =>
    blobFlags(workFlags(imageFlags(yargs)))
      .positional('disk', { type: 'string', demandOption: true, describe: 'a VHD or a raw disk' })
      .positional('blob-uri', { type: 'string', demandOption: true, describe: 'URI of a page blob' })
      .option('deep', {
        type: 'boolean',
        default: true,
        describe:
          'compare every byte; --deep=false fetches none, and compares size, footer, Content-MD5 and allocation',
      })
      .example(
        '$0 verify child.vhd https://acct.blob.core.windows.net/vhds/child.vhd',
        'exit code 0: equal; 9: not',
      ) as unknown as Argv<VerifyFlags>,
  handler: async (flags) => {
    if (isBlobUri(flags.disk))
      throw new VhdupError('usage', 'the disk is a local file and comes first, then the URI of the blob');
    const pace = paceOptions(flags);
    const credentials = await credentialOptions(flags, flags.blobUri);
    await using disk = await openDisk(flags.disk, imageOptions(flags));
    const { verify } = await import('../../verify/verify.js');
    const view = progressView(flags);
    const result = await interruptible((signal) =>
      view.run(`Comparing ${fileTitle(flags.disk)} with ${blobTitle(flags.blobUri)}`, () =>
        verify(disk, flags.blobUri, { ...credentials, deep: flags.deep, ...pace, signal, onEvent: view.onEvent }),
      ),
    );
    printResult(flags.json, result, () => verifyLines(result));
    if (!result.equal) process.exitCode = EXIT.contentDiffers;
  },
};
