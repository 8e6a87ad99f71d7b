import type { Argv } from 'yargs';
import { VhdupError } from '../../errors.js';
import { openDisk } from '../../disk/open.js';
import { isBlobUri } from '../../azure/location.js';
import { MAX_WRITE } from '../../plan/page-blob-limits.js';
import type { BaseCheckMode, PushOptions, VerifyScope } from '../../push/options.js';
import { blobTitle, fileTitle } from '../blob-title.js';
import { credentialOptions, blobFlags, type BlobFlags } from '../blob-flags.js';
import {
  imageFlags,
  single,
  imageOptions,
  paceOptions,
  workFlags,
  type Command,
  type ImageFlags,
  type WorkFlags,
} from '../command.js';
import { printResult } from '../output.js';
import { progressView } from '../progress.js';
import { resumable } from '../resumable.js';
import { planJson, planLines, pushLines } from '../reports/push.js';
import { sealFlags, sealOption, type SealFlags } from '../seal-flags.js';
import { amount } from '../units.js';

interface PushFlags extends ImageFlags, WorkFlags, BlobFlags, SealFlags {
  readonly disk: string;
  readonly to: string | readonly string[] | undefined;
  readonly base: string | readonly string[] | undefined;
  readonly baseCheck: BaseCheckMode;
  readonly requireSealedBase: boolean;
  readonly overwrite: boolean;
  readonly verify: VerifyScope | undefined;
  readonly gap: string | readonly string[] | undefined;
  readonly md5: boolean;
  readonly cache: boolean;
  readonly dryRun: boolean;
}

/** `vhdup push`: uploads a disk to a page blob. */
export const pushCommand: Command<PushFlags> = {
  command: 'push <disk>',
  describe: 'upload a disk to a page blob, and send only what its base does not have',
  builder: (yargs) =>
    sealFlags(blobFlags(workFlags(imageFlags(yargs))))
      .positional('disk', { type: 'string', demandOption: true, describe: 'a VHD or a raw disk' })
      .option('to', {
        type: 'string',
        requiresArg: true,
        describe: "URI of the destination blob (default: the base's container and the file's name)",
      })
      .option('base', {
        type: 'string',
        requiresArg: true,
        describe: 'URI of an ancestor\'s blob to copy from, or "auto" to look in the destination\'s container',
      })
      .option('base-check', {
        choices: ['content', 'md5', 'id'] as const,
        default: 'content' as const,
        describe:
          'what proves that the base is the ancestor: its tree digest or else its Content-MD5, always the latter, or its id alone',
      })
      .option('require-sealed-base', {
        type: 'boolean',
        default: false,
        describe: 'accept only a base that nobody can change',
      })
      .option('overwrite', { type: 'boolean', default: false, describe: 'replace another blob at the destination' })
      .option('verify', {
        choices: ['sent', 'all'] as const,
        describe: 'fetch what was sent, or all, and compare it before the blob is complete; --verify alone means sent',
      })
      .option('gap', {
        type: 'string',
        requiresArg: true,
        describe:
          'send gaps of up to this size between changes, such as 245KiB, and no wider ones (default: 16KiB; up to 122.5KiB if the link makes that faster)',
      })
      .option('md5', {
        type: 'boolean',
        default: true,
        describe:
          'set Content-MD5 on the blob (--no-md5 does not: other tools miss it, and the whole disk need not be read)',
      })
      .option('cache', {
        type: 'boolean',
        default: true,
        describe: "use and keep digests of unchanged files in the user's cache folder (--no-cache does neither)",
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'print the plan and change nothing' })
      .example('$0 push disk.vhd --to https://acct.blob.core.windows.net/vhds/disk.vhd', 'send everything but zeros')
      .example(
        '$0 push child.vhd --base https://acct.blob.core.windows.net/vhds/parent.vhd',
        'copy the parent there, send the differences',
      )
      .epilogue(
        'Interrupted? Run the same command again. Credentials: a SAS in the URI, --sas-file, AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or an Azure sign-in.',
      ) as unknown as Argv<PushFlags>,
  handler: async (flags) => {
    const { disk: path, json } = flags;
    if (isBlobUri(path)) throw new VhdupError('usage', 'the disk is a local file; a blob is named with --to or --base');
    const pace = paceOptions(flags);
    const gap = gapOption(flags);
    const to = single('to', flags.to);
    const base = single('base', flags.base);
    const seal = sealOption(flags);
    const credentials = await credentialOptions(flags, to ?? base);
    await using disk = await openDisk(path, imageOptions(flags));
    // Loaded late: at start-up, the SDK takes longer than everything else.
    const { planPush, push } = await import('../../push/push.js');
    const { destinationOf } = await import('../../push/destination-location.js');
    const title = `${fileTitle(path)} to ${blobTitle(destinationOf(path, to, base))}`;
    const view = progressView(flags);
    await resumable({ view, json, outcome: 'are up' }, async (signal) => {
      const options: PushOptions = {
        ...credentials,
        to,
        base,
        baseCheck: flags.baseCheck,
        requireSealedBase: flags.requireSealedBase,
        overwrite: flags.overwrite,
        verify: flags.verify,
        contentMd5: flags.md5,
        ...(flags.cache ? {} : { cacheFolder: false }),
        seal,
        gap,
        ...pace,
        signal,
        onEvent: view.onEvent,
      };
      if (flags.dryRun) {
        const planned = await view.run(`Planning ${title}`, () => planPush(disk, options));
        printResult(json, planJson(planned), () => planLines(planned));
      } else {
        const result = await view.run(`Pushing ${title}`, () => push(disk, options));
        printResult(json, { ...result, verified: flags.verify }, () => pushLines(result, flags.verify));
      }
    });
  },
};

function gapOption(flags: PushFlags): number | undefined {
  const text = single('gap', flags.gap);
  const bytes = text === undefined ? undefined : amount(text);
  if (text !== undefined && (bytes === undefined || bytes > MAX_WRITE))
    throw new VhdupError('usage', `--gap takes an amount with a unit, such as 245KiB, of at most 4 MiB; not "${text}"`);
  return bytes;
}
