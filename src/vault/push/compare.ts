import { createHash } from 'node:crypto';
import { MAX_BLOCK, type Part, type TocEntry, type UnitPlace } from '../../toc/entry.js';
import type { FoundEntry, ParentIndex } from './parent-index.js';
import { NewPlace } from './place.js';
import type { SourceBlock } from './source.js';

/** Blocks of this version that are remembered, so that a block that occurs again is stored once. */
const MAX_OWN = 1024 * 1024;

/** What a block becomes. */
export interface Compared {
  readonly entry: TocEntry;
  /** `same`: the parent has it at the same place. */
  readonly change: 'zero' | 'same' | 'moved' | 'new';
  /** The unit to store; only of a new block. */
  readonly unit?: { readonly bytes: Uint8Array; readonly place: NewPlace };
}

/** Compares the blocks of a version with its parent, and with each other. */
export class Comparison {
  readonly #parent: ParentIndex | undefined;
  readonly #isDisk: boolean;
  readonly #own = new Map<string, UnitPlace>();

  constructor(parent: ParentIndex | undefined, isDisk: boolean) {
    this.#parent = parent;
    this.#isDisk = isDisk;
  }

  async compare({ start, length, bytes }: SourceBlock): Promise<Compared> {
    if (!bytes) return { entry: { kind: 'zero', start, length }, change: 'zero' };
    const id = idOf(bytes, this.#isDisk);
    const here = await this.#parent?.at(start);
    if (here && here.entry.length === length && here.entry.id.equals(id))
      return { entry: referenceTo(here, start), change: 'same' };
    const there = await this.#parent?.find(id, length);
    if (there) return { entry: referenceTo(there, start), change: 'moved' };
    const key = id.toString('latin1');
    const own = this.#own.get(key);
    if (own)
      return { entry: { kind: 'stored', start, length, place: own, origin: 'self', shift: 0, id }, change: 'moved' };
    const place = new NewPlace();
    if (this.#own.size < MAX_OWN) this.#own.set(key, place);
    const entry = { kind: 'stored', start, length, place, origin: 'unknown', shift: 0, id } as const;
    return { entry, change: 'new', unit: { bytes, place } };
  }
}

/** Returns the id of a block: of a disk's, filled up with zeros, it is the leaf of the tree digest. */
function idOf(bytes: Uint8Array, isDisk: boolean): Buffer {
  const hash = createHash('sha256').update(bytes);
  if (isDisk && bytes.length < MAX_BLOCK) hash.update(Buffer.alloc(MAX_BLOCK - bytes.length));
  return hash.digest();
}

/** Returns an entry at `start` for what the parent has. What it made of parts is made of the same parts. */
function referenceTo({ entry, start: there }: FoundEntry, start: number): TocEntry {
  const { length, id } = entry;
  if (entry.kind === 'recipe') {
    const parts = entry.parts.map((part): Part => (part.kind === 'unit' ? { ...part, isOwn: false } : part));
    return { kind: 'recipe', start, length, parts, id };
  }
  return { kind: 'reference', start, length, place: entry.place, origin: 'parent', shift: start - there, id };
}
