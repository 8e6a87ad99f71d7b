import { VALUE, isZeroValue, type LeafRun } from './tree.js';

/** The most values in a sketch. */
export const MAX_SKETCH = 1024;

/**
 * The smallest values among the leaves of a disk, each once, without zeros. As the values are hashes, they are a random sample of
 * the content: two sketches show how much of it two disks have in common (bottom-k sketch).
 */
export class SketchBuilder {
  /** In ascending order. */
  readonly #smallest: Buffer[] = [];

  add({ values }: LeafRun): void {
    for (let at = 0; at < values.length; at += VALUE) {
      const value = values.subarray(at, at + VALUE);
      const last = this.#smallest.at(-1);
      if (this.#smallest.length === MAX_SKETCH && last && Buffer.compare(value, last) >= 0) continue;
      if (!isZeroValue(value)) this.#insert(value);
    }
  }

  /** Returns the values, one after the other. */
  sketch(): Buffer {
    return Buffer.concat(this.#smallest);
  }

  #insert(value: Uint8Array): void {
    let from = 0;
    for (let to = this.#smallest.length; from < to;) {
      const middle = (from + to) >> 1;
      if (Buffer.compare(this.#smallest[middle] ?? value, value) < 0) from = middle + 1;
      else to = middle;
    }
    const there = this.#smallest[from];
    if (there && Buffer.compare(there, value) === 0) return;
    this.#smallest.splice(from, 0, Buffer.from(value));
    if (this.#smallest.length > MAX_SKETCH) this.#smallest.pop();
  }
}

/** Returns about which part of the different leaves of `own` are in `other` too, from 0 to 1. Both are sketches. */
export function shareInCommon(own: Uint8Array, other: Uint8Array): number {
  if (own.length === 0) return 0;
  const all = [...new Set([...textsOf(own), ...textsOf(other)])].sort();
  const limit = Math.min(...[own, other].map((one) => (isWhole(one) ? Infinity : one.length / VALUE)));
  const [ours, theirs] = [new Set(textsOf(own)), new Set(textsOf(other))];
  // Among the smallest values of both together, each sketch is complete.
  const sample = all.slice(0, Math.min(all.length, limit));
  const common = sample.filter((value) => ours.has(value) && theirs.has(value)).length;
  const mine = sample.filter((value) => ours.has(value)).length;
  return mine === 0 ? 0 : common / mine;
}

/** Returns true if a sketch has all values of its disk. */
function isWhole(sketch: Uint8Array): boolean {
  return sketch.length < MAX_SKETCH * VALUE;
}

function textsOf(sketch: Uint8Array): string[] {
  return Array.from({ length: sketch.length / VALUE }, (_, index) =>
    Buffer.from(sketch.subarray(index * VALUE, (index + 1) * VALUE)).toString('hex'),
  );
}
