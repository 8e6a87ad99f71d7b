import { createHash, type Hash } from 'node:crypto';
import type { PushPlan } from '../plan/push-plan.js';
import type { RangeSet } from '../plan/range.js';

/** So many ranges are made text at a time. */
const STEP = 1024;

/**
 * SHA-256 (hex) of what a push does: an interrupted one goes on only where it is the same. It is that of the JSON of
 * `{ source, base, plan: [size, gap, clear, write] }`, each range as a pair, and `gap` as one with `maxGap` if they differ; blobs that await their resume carry it, so it
 * stays. The JSON of a large disk has many megabytes, so it is never made whole.
 *
 * `source`: digest of the disk's files. `base`: what tells it from others; `undefined` for a full push.
 */
export function fingerprintOf(source: string, base: readonly unknown[] | undefined, { size, gap, maxGap, clear, write }: Pick<PushPlan, 'size' | 'gap' | 'maxGap' | 'clear' | 'write'>): string {
  const hash = createHash('sha256').update(`${JSON.stringify({ source, base }).slice(0, -1)},"plan":[${size},${gap === maxGap ? gap : `[${gap},${maxGap}]`},[`);
  updateWith(hash, clear);
  hash.update('],[');
  updateWith(hash, write);
  return hash.update(']]}').digest('hex');
}

function updateWith(hash: Hash, ranges: RangeSet): void {
  for (let from = 0; from < ranges.length; from += STEP) {
    const text = ranges.slice(from, from + STEP).map(({ offset, length }) => `[${offset},${length}]`).join();
    hash.update(from === 0 ? text : `,${text}`);
  }
}
