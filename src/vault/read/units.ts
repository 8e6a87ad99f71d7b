import { createHash } from 'node:crypto';
import { decodeUnit } from '../../seal/unit.js';
import { BadStructure } from '../../toc/bad-structure.js';
import { MAX_BLOCK, placesOf, type TocEntry, type UnitPlace } from '../../toc/entry.js';
import { chunkKey } from '../../toc/object-names.js';
import { reading } from '../damage.js';
import type { Vault } from '../vault.js';

export { placesOf } from '../../toc/entry.js';

/** The most bytes of one request. */
const MAX_GET = 4 * 1024 * 1024;
/** What lies between two units is fetched with them if it has at most this many bytes. */
const MAX_BETWEEN = 64 * 1024;

/** Units that were fetched, by their places. */
export class FetchedUnits {
  readonly #vault: Vault;
  readonly #units: ReadonlyMap<string, Buffer>;

  private constructor(vault: Vault, units: ReadonlyMap<string, Buffer>) {
    this.#vault = vault;
    this.#units = units;
  }

  /** Fetches units; neighbours in a chunk in one request. Throws `vault-damaged`. */
  static async fetch(vault: Vault, places: readonly UnitPlace[]): Promise<FetchedUnits> {
    const units = new Map<string, Buffer>();
    for (const { chunk, at, size, members } of groupsOf(places)) {
      const bytes = await vault.store.get(chunkKey(chunk), { offset: at, length: size });
      for (const member of members)
        units.set(keyOf(member), bytes.subarray(member.at - at, member.at - at + member.size));
    }
    return new FetchedUnits(vault, units);
  }

  /**
   * Returns the bytes of an entry, compared with its id. `isDisk`: the id is that of 64 KiB, filled up with zeros. `where`: for the
   * error. Throws `vault-damaged`.
   */
  async bytesOf(entry: TocEntry, isDisk: boolean, where: string): Promise<Buffer> {
    if (entry.kind === 'zero' || entry.kind === 'parent') return Buffer.alloc(entry.length);
    return reading(this.#vault.store, where, async () => {
      const bytes = entry.kind === 'recipe' ? await this.#assemble(entry) : await this.#decode(entry.place);
      if (bytes.length !== entry.length)
        throw new BadStructure('unit', 0, `has ${bytes.length} bytes, not ${entry.length}`);
      const hash = createHash('sha256').update(bytes);
      if (isDisk && bytes.length < MAX_BLOCK) hash.update(Buffer.alloc(MAX_BLOCK - bytes.length));
      if (!hash.digest().equals(entry.id)) throw new BadStructure('block', 0, `is damaged: ${placeText(entry)}`);
      return bytes;
    });
  }

  async #assemble({ parts }: Extract<TocEntry, { kind: 'recipe' }>): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (const part of parts) {
      if (part.kind === 'zeros') pieces.push(Buffer.alloc(part.length));
      else pieces.push((await this.#decode(part.place)).subarray(part.skip, part.skip + part.length));
    }
    return Buffer.concat(pieces);
  }

  #decode(place: UnitPlace): Promise<Buffer> {
    return decodeUnit(this.#units.get(keyOf(place)) ?? Buffer.alloc(0), MAX_BLOCK);
  }
}

interface Group extends UnitPlace {
  readonly members: readonly UnitPlace[];
}

/** Joins units that lie near each other in their chunk. */
function groupsOf(places: readonly UnitPlace[]): Group[] {
  const groups: Group[] = [];
  const sorted = [...places].sort((a, b) => (a.chunk < b.chunk ? -1 : a.chunk > b.chunk ? 1 : a.at - b.at));
  for (const place of sorted) {
    const last = groups.at(-1);
    const end = place.at + place.size;
    if (last?.chunk === place.chunk && place.at - (last.at + last.size) <= MAX_BETWEEN && end - last.at <= MAX_GET)
      groups[groups.length - 1] = {
        ...last,
        size: Math.max(last.size, end - last.at),
        members: [...last.members, place],
      };
    else groups.push({ ...place, members: [place] });
  }
  return groups;
}

function keyOf({ chunk, at, size }: UnitPlace): string {
  return `${chunk} ${at} ${size}`;
}

function placeText(entry: TocEntry): string {
  return placesOf(entry)
    .map(({ chunk, at, size }) => `${chunkKey(chunk)} at ${at}, ${size} bytes`)
    .join('; ');
}
