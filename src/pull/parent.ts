import { createHash } from 'node:crypto';
import { basename, dirname, relative, resolve, isAbsolute } from 'node:path';
import { VhdupError } from '../errors.js';
import { fixedFooterOf } from '../protocol/fixed-vhd.js';
import type { Disk, SourceFile } from '../disk/disk.js';
import type { ImageOptions } from '../disk/image.js';
import { openDisk } from '../disk/open.js';
import type { ParentRules } from '../disk/parent-bounds.js';
import { warningsOf } from '../disk/warnings-of.js';
import { timeStampOf } from '../disk/vhd/footer.js';
import type { ParentLink } from '../disk/vhd/parent-link.js';
import { zeroFill } from '../bytes/zero-fill.js';
import type { Range } from '../bytes/range.js';
import type { Session } from '../session/session.js';
import { SourceGuard } from '../content/source-guard.js';
import type { PullSource } from './source.js';
import { option } from '../option-names.js';

/** How the ancestor is opened. */
type ParentOptions = ImageOptions & ParentRules;

/** The local ancestor that a differencing disk is made over. */
export class PullParent implements AsyncDisposable {
  readonly link: ParentLink;
  readonly #guard: SourceGuard;

  private constructor(guard: SourceGuard, link: ParentLink) {
    this.#guard = guard;
    this.link = link;
  }

  /** The ancestor with its own chain. */
  get disk(): Disk {
    return this.#guard.disk;
  }

  /**
   * Opens the ancestor at `path` with its chain; `output` is the path of the new disk. Throws `base-mismatch` if the blob does not
   * name it as an ancestor, and what `openDisk` throws.
   */
  static async open(
    session: Session,
    source: PullSource,
    { path, output, ...options }: ParentOptions & { readonly path: string; readonly output: string },
  ): Promise<PullParent> {
    const disk = await openVhd(path, options);
    try {
      const guard = await SourceGuard.begin(disk, {
        hint: 'stop what writes to it, then run the same command: it starts from the beginning',
      });
      for (const warning of warningsOf(disk)) session.warn(warning);
      const childFolder = dirname(resolve(output));
      if (isOutside(childFolder, path))
        session.note(
          `${path} is outside of the output's folder: to open the output later, name the folder of ${basename(path)} with ${option('parentDirs')}`,
        );
      return new PullParent(guard, {
        path,
        id: ancestorId(source, disk, path),
        timeStamp: timeStampOf(fixedFooterOf(disk)),
        childFolder,
      });
    } catch (error) {
      await disk.close();
      throw error;
    }
  }

  /** A digest of the state of the ancestor's files. A pull can be resumed only if they are unchanged. */
  get digest(): string {
    return createHash('sha256')
      .update(JSON.stringify([resolve(this.link.path), ...this.#guard.files.map(lineOf)]))
      .digest('hex');
  }

  /** Returns the ranges below `size` that any layer stores as data. */
  async dataRanges(size: number): Promise<Range[]> {
    const ranges: Range[] = [];
    for await (const { offset, length, kind } of this.disk.extents()) {
      if (kind === 'data' && offset < size) ranges.push({ offset, length: Math.min(length, size - offset) });
    }
    return ranges;
  }

  /** Reads bytes from `offset` on until `into` is full. Behind the end of the ancestor they are zeros. */
  async read(offset: number, into: Uint8Array): Promise<void> {
    const inside = Math.max(0, Math.min(into.length, this.disk.size - offset));
    if (inside > 0) await this.disk.read(offset, into.subarray(0, inside));
    zeroFill(into.subarray(inside));
  }

  /** Throws `source-changed` if a file of the chain was changed or touched since it was opened. */
  async check(): Promise<void> {
    if (!(await this.#guard.isUntouched())) throw this.#guard.changed('it was touched while a disk was pulled onto it');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disk.close();
  }
}

/** Opens a VHD. If the file is a disk of another format, the error says that a differencing VHD cannot have such a parent. */
async function openVhd(path: string, options: ParentOptions): Promise<Disk> {
  try {
    return await openDisk(path, { ...options, format: 'vhd' });
  } catch (error) {
    const format = await formatOf(path, options);
    if (format === undefined || format === 'vhd') throw error;
    throw new VhdupError(
      'disk-unsupported',
      `${path}: its format is ${format}, and the parent of a differencing VHD can only be a VHD`,
      { cause: error, hint: `pull the ancestor's blob to a VHD and name that, or pull without ${option('onto')}` },
    );
  }
}

/** Returns the format of a disk; `undefined` if it cannot be opened. */
async function formatOf(path: string, options: ParentOptions): Promise<string | undefined> {
  try {
    // The options of a pull have a format too: that of the output.
    await using disk = await openDisk(path, { ...options, format: undefined });
    return disk.layers[0]?.format;
  } catch {
    return undefined;
  }
}

function lineOf({ path, size, mtimeNs, ctimeNs, structure }: SourceFile): string {
  return `${resolve(path)} ${size} ${mtimeNs} ${ctimeNs} ${structure}`;
}

/** Returns the unique id of the ancestor. Throws `base-mismatch` if the blob does not name it. */
function ancestorId({ blob, tail, verdict: { record } }: PullSource, { id }: Disk, path: string): string {
  const refuse = (problem: string, hint: string) =>
    new VhdupError('base-mismatch', `${blob.uri}: ${problem}`, { hint });
  if (id === undefined)
    throw refuse(
      `${path} cannot be recognised as an ancestor: its unique id is all zeros`,
      `pull without ${option('onto')}`,
    );
  if (id === tail?.id)
    throw refuse(
      `${path} has the blob's own unique id, ${id}: it is the same disk, so there is nothing to pull onto it`,
      `pull without ${option('onto')} to have the blob's content, or name an ancestor`,
    );
  const known = [...new Set([record?.parentId, record?.base?.id].filter((candidate) => candidate !== undefined))];
  if (!known.includes(id)) {
    throw refuse(
      `${path} with the unique id ${id} is not known as its ancestor: ${known.length === 0 ? 'the blob names none' : `it names ${known.join(' and ')}`}`,
      `name the disk's parent or the ancestor that it was pushed over, or pull without ${option('onto')}`,
    );
  }
  return id;
}

function isOutside(folder: string, path: string): boolean {
  const way = relative(folder, resolve(path));
  return way.startsWith('..') || isAbsolute(way);
}
