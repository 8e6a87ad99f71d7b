import type { Argv } from 'yargs';
import { VhdupError } from '../../errors.js';
import { isBlobUri } from '../../azure/location.js';
import type { PullFormat, PullOptions } from '../../pull/options.js';
import { blobTitle, fileTitle } from '../blob-title.js';
import { credentialOptions, blobFlags, type BlobFlags } from '../blob-flags.js';
import {
  diskFlags,
  single,
  openOptions,
  paceOptions,
  workFlags,
  type Command,
  type DiskFlags,
  type WorkFlags,
} from '../command.js';
import { printResult } from '../output.js';
import { progressView } from '../progress.js';
import { resumable } from '../resumable.js';
import { pullLines } from '../reports/pull.js';

interface PullFlags extends DiskFlags, WorkFlags, BlobFlags {
  readonly blob: string;
  readonly out: string;
  readonly format: PullFormat;
  readonly onto: string | readonly string[] | undefined;
  readonly overwrite: boolean;
  readonly checkMd5: boolean;
}

/** `vhdup pull`: downloads a page blob to a disk. */
export const pullCommand: Command<PullFlags> = {
  command: 'pull <blob> <out>',
  describe: 'download a page blob to a disk, sparse, or only as what differs from a local ancestor',
  builder: (yargs) =>
    blobFlags(workFlags(diskFlags(yargs)))
      .positional('blob', { type: 'string', demandOption: true, describe: 'URI of the page blob' })
      .positional('out', { type: 'string', demandOption: true, describe: 'the file to write' })
      .option('format', {
        choices: ['dynamic', 'fixed', 'raw'] as const,
        default: 'dynamic' as const,
        describe: 'a sparse VHD, the blob byte for byte, or the disk without its footer',
      })
      .option('onto', {
        type: 'string',
        requiresArg: true,
        describe: 'write a differencing VHD over this local ancestor of the blob',
      })
      .option('overwrite', {
        type: 'boolean',
        default: false,
        describe: 'replace a file that is there, when the new one is complete',
      })
      .option('check-md5', {
        type: 'boolean',
        default: true,
        describe: "compare the result with the blob's Content-MD5 (--no-check-md5 does not)",
      })
      .example(
        '$0 pull https://acct.blob.core.windows.net/vhds/disk.vhd disk.vhd',
        'download the disk to a dynamic VHD',
      )
      .example(
        '$0 pull https://acct.blob.core.windows.net/vhds/child.vhd child.vhd --onto parent.vhd',
        'keep only what differs from the parent',
      )
      .epilogue('Interrupted? Run the same command again. Credentials: as for push.') as unknown as Argv<PullFlags>,
  handler: async (flags) => {
    const { blob, out, json, format, overwrite, checkMd5 } = flags;
    if (!isBlobUri(blob))
      throw new VhdupError('usage', 'the blob to pull is named by its URI', {
        hint: 'vhdup pull https://ACCOUNT.blob.core.windows.net/CONTAINER/disk.vhd disk.vhd',
      });
    if (isBlobUri(out)) throw new VhdupError('usage', 'the output is a local file');
    const pace = paceOptions(flags);
    const credentials = await credentialOptions(flags, blob);
    // Beyond a limit on the size of files (ulimit -f) this signal would kill the process. With a listener, the write fails instead.
    process.on('SIGXFSZ', () => undefined);
    const { pull } = await import('../../pull/pull.js');
    const view = progressView(flags);
    await resumable({ view, json, outcome: 'are downloaded' }, async (signal) => {
      const options: PullOptions = {
        ...credentials,
        ...openOptions(flags),
        format,
        onto: single('onto', flags.onto),
        overwrite,
        checkMd5,
        ...pace,
        signal,
        onEvent: view.onEvent,
      };
      const result = await view.run(`Pulling ${blobTitle(blob)} to ${fileTitle(out)}`, () => pull(blob, out, options));
      printResult(json, result, () => pullLines(result));
    });
  },
};
