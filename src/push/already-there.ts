import type { DestinationSnapshot } from '../destination/destination.js';
import type { PreparedPush } from './context.js';
import { warnOfOtherImage, withRecordedImage } from './image-version.js';
import { verifyComplete } from './prove-source.js';
import { resultOf, type PushResult } from './result.js';
import { option } from '../option-names.js';

/** Ends a push whose destination is complete already, and not under a lease of this run: verifies and seals it, if asked for. */
export async function alreadyThere(prepared: PreparedPush, seen: DestinationSnapshot): Promise<PushResult> {
  const push = withRecordedImage({ ...prepared, found: { kind: 'complete', seen } });
  const { destination, options } = push;
  warnOfOtherImage(push);
  warnOfMissingMd5(push, seen);
  await destination.releaseStale(seen);
  if (options.verify !== undefined) await verifyComplete(push, seen, options.verify);
  const seal = options.seal && (await destination.seal(seen, options.seal));
  return resultOf(push, { outcome: 'already-there', contentMd5: seen.contentMd5, seal });
}

/** Warns if a destination that is complete already has no Content-MD5, although this push would set it. */
export function warnOfMissingMd5(push: PreparedPush, seen: DestinationSnapshot): void {
  const { session, destination } = push;
  if (!push.identity.contentMd5Omitted && !seen.contentMd5)
    session.warn({
      code: 'no-content-md5',
      message: `${destination.uri} has no Content-MD5: the push that completed it left it out`,
      hint: `to have one, push the disk under another name with ${option('contentMd5', 'always')}`,
    });
}
