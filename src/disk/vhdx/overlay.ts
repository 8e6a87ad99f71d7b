import { partitionPoint } from '../../bytes/partition-point.js';
import { zeroFill } from '../../bytes/zero-fill.js';
import { VhdupError } from '../../errors.js';
import type { FileTimes, SourceHandle } from '../file.js';

/** Bytes that lie over those of a file. Without `data` they are zeros. */
export interface Patch {
  /** Offset in the file, in bytes. */
  readonly offset: number;
  readonly length: number;
  readonly data?: Uint8Array;
}

/** A file as it will be after its log is replayed. Patches cover its bytes; if two overlap, the later one counts. */
export class OverlayFile implements SourceHandle {
  readonly path: string;
  readonly identity: string;
  readonly size: number;
  readonly #file: SourceHandle;
  readonly #patches: readonly Patch[];
  /** Where parts begin, ascending; each ends where the next one begins. */
  readonly #starts: Float64Array;
  /** Index of the patch of each part, or -1 for none. */
  readonly #owners: Int32Array;

  /** `size`: at least that of the file; bytes beyond the file that no patch covers are zeros. */
  constructor(file: SourceHandle, size: number, patches: readonly Patch[]) {
    this.path = file.path;
    this.identity = file.identity;
    this.size = size;
    this.#file = file;
    this.#patches = patches;
    const starts = patches.flatMap(({ offset, length }) => [offset, offset + length]);
    this.#starts = Float64Array.from(new Set(starts)).sort();
    this.#owners = ownersOf(this.#starts, patches);
  }

  async read(position: number, into: Uint8Array): Promise<void> {
    if (position + into.length > this.size)
      throw new VhdupError(
        'disk-unreadable',
        `${this.path}: the file ends at offset ${this.size}, ${into.length} bytes were expected at offset ${position}`,
      );
    const stored = Math.min(into.length, Math.max(0, this.#file.size - position));
    if (stored > 0) await this.#file.read(position, into.subarray(0, stored));
    zeroFill(into.subarray(stored));
    this.#apply(position, into);
  }

  statPath(): Promise<FileTimes> {
    return this.#file.statPath();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #apply(position: number, into: Uint8Array): void {
    const end = position + into.length;
    for (let part = Math.max(0, partAt(this.#starts, position)); part + 1 < this.#starts.length; part++) {
      const from = Math.max(position, this.#starts[part] ?? end);
      const to = Math.min(end, this.#starts[part + 1] ?? end);
      if (from >= end) break;
      const patch = this.#patches[this.#owners[part] ?? -1];
      if (!patch || from >= to) continue;
      const target = into.subarray(from - position, to - position);
      if (patch.data) target.set(patch.data.subarray(from - patch.offset, to - patch.offset));
      else zeroFill(target);
    }
  }
}

/** Finds the last patch over each part: from the last patch to the first, each takes the parts that are still free. */
function ownersOf(starts: Float64Array, patches: readonly Patch[]): Int32Array {
  const owners = new Int32Array(starts.length).fill(-1);
  /** For each part a part from which the next free one is searched. */
  const next = Int32Array.from(starts, (_, index) => index);
  const free = (part: number): number => {
    let found = part;
    while (next[found] !== undefined && next[found] !== found) found = next[found] ?? found;
    for (let at = part; at !== found;) {
      const following = next[at] ?? found;
      next[at] = found;
      at = following;
    }
    return found;
  };
  for (let index = patches.length - 1; index >= 0; index--) {
    const { offset, length } = patches[index] ?? { offset: 0, length: 0 };
    const end = partAt(starts, offset + length);
    for (let part = free(partAt(starts, offset)); part < end; part = free(part)) {
      owners[part] = index;
      next[part] = part + 1;
    }
  }
  return owners;
}

/** Returns the index of the last part that begins at a position or before; -1 if there is none. */
function partAt(starts: Float64Array, position: number): number {
  return partitionPoint(starts.length, (index) => (starts[index] ?? 0) <= position) - 1;
}
