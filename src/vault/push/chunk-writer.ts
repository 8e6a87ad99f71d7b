import { randomBytes } from 'node:crypto';
import { VhdupError } from '../../errors.js';
import { encodeUnit } from '../../seal/unit.js';
import { encodeChunkHead, unitsOffset } from '../../toc/chunk-object.js';
import { OBJECT_ID_BYTES, MAX_ZERO_RUN, type TocEntry } from '../../toc/entry.js';
import { chunkKey } from '../../toc/object-names.js';
import { encodeTable } from '../../toc/page.js';
import type { Vault } from '../vault.js';
import type { NewPlace } from './place.js';

const MAX_UNITS = 16 * 1024 * 1024;
const MAX_ENTRIES = 32_768;
const MAX_PARTS = 65_536;
const MAX_CHUNKS = 32_768;
/** Units that are compressed side by side. */
const MAX_JOBS = 8;

/** What the chunks of a version say of it. Ids are hexadecimal. */
export interface ChunkOwner {
  /** The uuid of its record. */
  readonly version: string;
  /** That of its parent; `undefined` for a baseline. */
  readonly parent: string | undefined;
}

/** The next entry, in the order of the version, and the unit that it brings. */
interface Waiting {
  readonly entry: TocEntry;
  readonly unit: Promise<Buffer> | undefined;
  readonly place: NewPlace | undefined;
}

/** Writes the chunks of a version: its new units, and tables with all that changed. Entries come in ascending order. */
export class ChunkWriter {
  readonly #vault: Vault;
  readonly #owner: ChunkOwner;
  readonly #waiting: Waiting[] = [];
  #id = newId();
  #entries: TocEntry[] = [];
  #places: NewPlace[] = [];
  #units: Buffer[] = [];
  #unitBytes = 0;
  #parts = 0;
  #chunkIds = new Set<string>();
  /** The end of the last entry, in bytes of the version. */
  #end = 0;
  /** The chunks that were created, and their sizes. */
  readonly created = new Map<string, number>();
  /** Bytes of all chunks. */
  bytes = 0;

  constructor(vault: Vault, owner: ChunkOwner) {
    this.#vault = vault;
    this.#owner = owner;
  }

  /** Adds an entry that needs no new unit. */
  async add(entry: TocEntry): Promise<void> {
    await this.#push({ entry, unit: undefined, place: undefined });
  }

  /** Adds an entry with its new unit; `place` will say where that is. */
  async addWithUnit(entry: TocEntry, bytes: Uint8Array, place: NewPlace): Promise<void> {
    const unit = encodeUnit(this.#vault.facts.codec, bytes);
    unit.catch(() => undefined);
    await this.#push({ entry, unit, place });
  }

  /** Writes what is left. A version has at least one chunk. */
  async finish(): Promise<void> {
    while (this.#waiting.length > 0) await this.#drain();
    if (this.#entries.length > 0 || this.created.size === 0) await this.#close();
  }

  async #push(waiting: Waiting): Promise<void> {
    this.#waiting.push(waiting);
    while (this.#waiting.length > MAX_JOBS) await this.#drain();
  }

  async #drain(): Promise<void> {
    const next = this.#waiting.shift();
    if (!next) return;
    const { entry, place } = next;
    const unit = await next.unit;
    if (unit && place) {
      [place.chunk, place.at, place.size] = [this.#id, this.#unitBytes, unit.length];
      this.#places.push(place);
      this.#units.push(unit);
      this.#unitBytes += unit.length;
    }
    this.#addEntry(entry);
    if (
      this.#unitBytes >= MAX_UNITS ||
      this.#entries.length >= MAX_ENTRIES ||
      this.#parts >= MAX_PARTS - 16 ||
      this.#chunkIds.size >= MAX_CHUNKS
    )
      await this.#close();
  }

  /** Runs that follow each other become one. */
  #addEntry(entry: TocEntry): void {
    this.#end = Math.max(this.#end, entry.start + entry.length);
    const last = this.#entries.at(-1);
    if (last && canJoin(last, entry)) {
      this.#entries[this.#entries.length - 1] = { ...last, length: last.length + entry.length };
      return;
    }
    this.#entries.push(entry);
    if (entry.kind === 'recipe') this.#parts += entry.parts.length;
    if (entry.kind === 'reference') this.#chunkIds.add(entry.place.chunk);
  }

  async #close(): Promise<void> {
    const draft = { covered: this.#end, entries: this.#entries };
    // Its length does not depend on where the units are.
    const unitsAt = unitsOffset(encodeTable(draft).length);
    for (const place of this.#places) {
      place.at += unitsAt;
      place.isKnown = true;
    }
    const table = await encodeUnit(this.#vault.facts.codec, encodeTable(draft));
    const head = encodeChunkHead(
      {
        id: this.#id,
        version: this.#owner.version,
        parent: this.#owner.parent,
        entries: this.#entries.length,
        unitsAt,
      },
      table,
    );
    if ((await this.#vault.store.create(chunkKey(this.#id), [head, ...this.#units])) === 'exists')
      await this.#requireOwn(head);
    const size = head.length + this.#unitBytes;
    this.created.set(this.#id, size);
    this.bytes += size;
    [this.#id, this.#entries, this.#places, this.#units] = [newId(), [], [], []];
    [this.#unitBytes, this.#parts, this.#chunkIds] = [0, 0, new Set()];
  }

  /** The name is random, so an object that is there already is this one, after a lost answer. */
  async #requireOwn(head: Buffer): Promise<void> {
    const there = await this.#vault.store.head(chunkKey(this.#id));
    if (there?.size === head.length + this.#unitBytes) return;
    throw new VhdupError('vault-damaged', `${this.#vault.store.name}: ${chunkKey(this.#id)} is another object`);
  }
}

function canJoin(last: TocEntry, next: TocEntry): boolean {
  if (last.start + last.length !== next.start || last.length + next.length > MAX_ZERO_RUN) return false;
  if (last.kind === 'parent' && next.kind === 'parent') return last.shift === next.shift;
  return last.kind === 'zero' && next.kind === 'zero';
}

function newId(): string {
  return randomBytes(OBJECT_ID_BYTES).toString('hex');
}
