import { createHash, type Hash } from 'node:crypto';
import type { PushPlan } from '../plan/push-plan.js';
import type { RangeSet } from '../bytes/range.js';

/** How many ranges are turned into text at a time. */
const RANGES_AT_A_TIME = 1024;

/**
 * Returns the SHA-256 (hex) of what a push does: an interrupted push is resumed only if it is the same. It is taken over the JSON
 * of `{ source, base, plan: [size, gap, clear, write] }`. Each range is a pair; so is the gap, with `maxGap`, if the two differ.
 * Unfinished blobs carry the fingerprint, so its form must not change. The JSON of a large disk has many megabytes, so it is
 * hashed piece by piece.
 *
 * `source`: digest of the disk's files. `base`: what identifies it; `undefined` for a full push.
 */
export function fingerprintOf(
  source: string,
  base: readonly unknown[] | undefined,
  { size, gap, maxGap, clear, write }: Pick<PushPlan, 'size' | 'gap' | 'maxGap' | 'clear' | 'write'>,
): string {
  const hash = createHash('sha256').update(
    `${JSON.stringify({ source, base }).slice(0, -1)},"plan":[${size},${gap === maxGap ? gap : `[${gap},${maxGap}]`},[`,
  );
  updateWith(hash, clear);
  hash.update('],[');
  updateWith(hash, write);
  return hash.update(']]}').digest('hex');
}

function updateWith(hash: Hash, ranges: RangeSet): void {
  for (let from = 0; from < ranges.length; from += RANGES_AT_A_TIME) {
    const text = ranges
      .slice(from, from + RANGES_AT_A_TIME)
      .map(({ offset, length }) => `[${offset},${length}]`)
      .join();
    hash.update(from === 0 ? text : `,${text}`);
  }
}
