import { VhdupError } from '../../errors.js';
import { openDisk } from '../../disk/open.js';
import { isBlobUri } from '../../azure/location.js';
import { MAX_WRITE } from '../../plan/page-blob-limits.js';
import { requireImageOptions } from '../../protocol/image-name.js';
import type { ContentMd5Mode, PushOptions } from '../../push/options.js';
import { blobTitle, fileTitle } from '../blob-title.js';
import { credentialOptions } from '../credential-flags.js';
import type { Command } from '../command.js';
import { imageOptions, requireFile } from '../disk-flags.js';
import { paceOptions } from '../pace-flags.js';
import type { ArgumentsOf } from '../definition/flag.js';
import { PUSH } from '../definition/push.js';
import { printResult } from '../output.js';
import { usageOf } from '../parse/values.js';
import { progressView } from '../progress.js';
import { runResumable } from '../run-resumable.js';
import { planJson, planLines, pushJson, pushLines } from '../reports/push.js';
import { sealOption } from '../seal-flags.js';
import { amount } from '../units.js';

/** `vhdup push`: uploads a disk to a page blob. */
export const pushCommand: Command<typeof PUSH> = {
  definition: PUSH,
  handler: async (flags) => {
    const { disk: path, json, verbose } = flags;
    if (isBlobUri(path))
      throw new VhdupError('usage', 'the disk is a local file and comes first, then the URI of the blob');
    requireFile(path, 'reads');
    const pace = paceOptions(flags);
    const gap = gapOption(flags);
    const to = destinationOption(flags);
    const { base, image, imageTag } = flags;
    requireImageOptions({ base, image, imageTag });
    if (to === undefined && base === undefined)
      throw new VhdupError('usage', `push needs DEST or --base: ${usageOf(PUSH)}`);
    const seal = sealOption(flags);
    const credentials = await credentialOptions(
      flags,
      to ?? (base !== undefined && isBlobUri(base) ? base : undefined),
    );
    await using disk = await openDisk(path, imageOptions(flags));
    if (flags.baseDisk !== undefined) requireFile(flags.baseDisk, 'reads');
    await using baseDisk = flags.baseDisk === undefined ? undefined : await openDisk(flags.baseDisk);
    // Loaded late: at start-up, the SDK takes longer than everything else.
    const { planPush, push } = await import('../../push/push.js');
    const { destinationOf } = await import('../../push/destination-location.js');
    const title = `${fileTitle(path)} to ${blobTitle(destinationOf(path, to, base))}`;
    const view = progressView(flags);
    await runResumable({ view, json, outcome: 'are up' }, async (signal) => {
      const options: PushOptions = {
        ...credentials,
        to,
        base,
        image,
        imageTag,
        baseCheck: flags.baseCheck,
        compare: flags.compare,
        baseDisk,
        readBase: flags.readBase,
        leafList: flags.leafList,
        requireSealedBase: flags.requireSealedBase,
        overwrite: flags.overwrite,
        forceSectorSize: flags.forceSectorSize,
        verify: flags.verify,
        contentMd5: contentMd5Option(flags),
        ...(flags.cache ? {} : { cacheFolder: false }),
        seal,
        gap,
        ...pace,
        signal,
        onEvent: view.onEvent,
      };
      if (flags.dryRun) {
        const planned = await view.run(`Planning ${title}`, () => planPush(disk, options));
        printResult(json, planJson(planned), () => planLines(planned, { verbose }));
      } else {
        const result = await view.run(`Pushing ${title}`, () => push(disk, options));
        printResult(json, pushJson(result, flags.verify), () => pushLines(result, flags.verify, { verbose }));
      }
    });
  },
};

/** Returns the destination, which may be the second word or `--to`. Throws `usage` if both are given and differ. */
function destinationOption({ dest, to }: Pick<ArgumentsOf<typeof PUSH>, 'dest' | 'to'>): string | undefined {
  if (dest !== undefined && to !== undefined && dest !== to)
    throw new VhdupError('usage', 'two destinations are given: DEST and --to');
  return dest ?? to;
}

/** Returns the mode of Content-MD5: `--no-md5` is short for `never`. */
function contentMd5Option({
  contentMd5: mode,
  noMd5,
}: Pick<ArgumentsOf<typeof PUSH>, 'contentMd5' | 'noMd5'>): ContentMd5Mode | undefined {
  if (noMd5 && mode !== undefined && mode !== 'never')
    throw new VhdupError('usage', `--content-md5 ${mode} and --no-md5 cannot be used together`, {
      hint: 'leave out one of them',
    });
  return noMd5 ? 'never' : mode;
}

function gapOption({ gap: text }: Pick<ArgumentsOf<typeof PUSH>, 'gap'>): number | undefined {
  const bytes = text === undefined ? undefined : amount(text);
  if (text !== undefined && (bytes === undefined || bytes > MAX_WRITE))
    throw new VhdupError('usage', `--gap takes an amount with a unit, such as 245K, of at most 4 MiB; not "${text}"`);
  return bytes;
}
