import { randomUUID } from 'node:crypto';
import { VhdupError, hasCode, messageOf } from '../errors.js';
import type { BlockBlob } from '../azure/block-blob.js';
import { hasStatus } from '../azure/service-error.js';
import type { LeafSource } from '../content/digest-computation.js';
import { encodeHeader, type ListedDisk, type SectionEntry } from '../digest/leaf-list.js';
import { encodeSection, sectionsOf } from '../digest/leaf-section.js';
import { SketchBuilder } from '../digest/leaf-sketch.js';
import { md5 } from '../digest/md5.js';
import { VALUE, sectionCount } from '../digest/tree.js';
import { call } from '../option-names.js';
import type { Session } from '../session/session.js';

/** Sections are collected up to this many bytes before a block is written. */
const BLOCK_BYTES = 4 * 1024 * 1024;

/** The leaves of a disk, and what a list says of it. */
export interface LeavesToList {
  readonly leaves: LeafSource;
  readonly disk: ListedDisk;
}

/** A list that was written, in bytes. */
export interface WrittenList {
  readonly bytes: number;
  /** Leaves that are not zero. */
  readonly leaves: number;
}

/**
 * Writes the list of leaves of a disk (docs/LEAVES.md), in place of any other. It is visible only when all of it is there. Throws
 * the service's error.
 */
export async function writeLeafList(
  session: Session,
  list: BlockBlob,
  { leaves, disk }: LeavesToList,
): Promise<WrittenList> {
  const blocks = new Blocks(session, list);
  const sketch = new SketchBuilder();
  const sections = new Map<number, SectionEntry>();
  let [offset, count] = [0, 0];
  for await (const section of sectionsOf(leaves.runs())) {
    for (const run of section.runs) sketch.add(run);
    const { value, bytes, plainLength, leaves: held } = encodeSection(section, disk.size);
    sections.set(section.index, { value, offset, length: bytes.length, plainLength });
    offset += bytes.length;
    count += held;
    await blocks.add(bytes);
  }
  const none: SectionEntry = { value: new Uint8Array(VALUE), offset: 0, length: 0, plainLength: 0 };
  const header = encodeHeader({
    ...disk,
    sections: Array.from({ length: sectionCount(disk.size) }, (_, index) => sections.get(index) ?? none),
    sketch: sketch.sketch(),
  });
  await blocks.commit(header);
  return { bytes: header.length + offset, leaves: count };
}

/**
 * Writes the list of a push beside its blob. Without the right to write it, or if the leaves could not be kept, warns once and goes on: the next push over this blob
 * then needs another source of its leaves.
 */
export async function tryToWriteLeafList(session: Session, list: BlockBlob, content: LeavesToList): Promise<void> {
  try {
    await writeLeafList(session, list, content);
  } catch (error) {
    if (!isRefused(error) && !hasCode(error, 'output-unwritable')) throw error;
    session.warn({
      code: 'leaf-list-not-written',
      message: `the list of leaves ${list.uri} cannot be written: ${messageOf(error)}`,
      hint: `without it a rebuilt image cannot be compared with this blob; ${call('makeLeafList')} makes it later`,
    });
  }
}

/** Deletes the list of leaves of a blob, if there is one that may be deleted. */
export async function deleteLeafList(list: BlockBlob): Promise<void> {
  try {
    await list.delete();
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
}

/** Returns true for a refusal that says nothing about the blob itself: no right, another type of blob, a lease or a policy. */
function isRefused(error: unknown): boolean {
  return hasCode(error, 'not-authorised') || (error instanceof VhdupError && hasStatus(error, 400, 403, 404, 409, 412));
}

/** Collects bytes, and writes them as blocks of a blob. */
class Blocks {
  readonly #session: Session;
  readonly #blob: BlockBlob;
  /** Makes the ids of this run's blocks different from those of any other. */
  readonly #run = randomUUID();
  readonly #ids: string[] = [];
  #next = 0;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(session: Session, blob: BlockBlob) {
    this.#session = session;
    this.#blob = blob;
  }

  async add(bytes: Uint8Array): Promise<void> {
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= BLOCK_BYTES) await this.#flush();
  }

  /** Makes the blob consist of the header and all that was added. */
  async commit(header: Uint8Array): Promise<void> {
    await this.#flush();
    const first = await this.#stage(header);
    await this.#blob.commit([...first, ...this.#ids], {});
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pieces);
    [this.#pieces, this.#bytes] = [[], 0];
    this.#ids.push(...(await this.#stage(bytes)));
  }

  async #stage(bytes: Uint8Array): Promise<string[]> {
    const ids: string[] = [];
    for (const { offset, length } of this.#session.scheduler.requests({ offset: 0, length: bytes.length })) {
      this.#session.throwIfStopped();
      const id = `${this.#run}-${String(this.#next++).padStart(6, '0')}`;
      const block = bytes.subarray(offset, offset + length);
      await this.#blob.stage(id, block, await md5(block));
      ids.push(id);
    }
    return ids;
  }
}
