import { resolve, sep } from 'node:path';
import { VhdupError } from '../../src/errors.js';
import type { Files, SourceHandle } from '../../src/disk/file.js';

/** A read of a file, in bytes. */
export interface MemoryRead {
  readonly path: string;
  readonly position: number;
  readonly length: number;
}

/**
 * Files in memory behind the seam of the reader. A read that goes beyond a file is a mistake of the reader here,
 * and thrown as something that no reader expects.
 */
export class MemoryFiles implements Files {
  readonly #contents: ReadonlyMap<string, Uint8Array>;
  /** Every path that was opened. */
  readonly opened: string[] = [];
  readonly reads: MemoryRead[] = [];
  /** Handles that nobody has closed yet. */
  unclosed = 0;

  constructor(contents: Iterable<readonly [path: string, content: Uint8Array]>) {
    this.#contents = new Map([...contents].map(([path, content]) => [resolve(path), content]));
  }

  content(path: string): Uint8Array {
    const content = this.#contents.get(resolve(path));
    if (!content) throw new VhdupError('disk-unreadable', `${path}: no such file`);
    return content;
  }

  /** Folders are there where files are in them; there are no links. */
  async realPath(path: string): Promise<string> {
    const absolute = resolve(path);
    if (![...this.#contents.keys()].some((known) => known === absolute || known.startsWith(`${absolute}${sep}`)))
      this.content(path);
    return absolute;
  }

  async open(path: string): Promise<SourceHandle> {
    const content = this.content(path);
    this.opened.push(resolve(path));
    this.unclosed++;
    return {
      path,
      size: content.length,
      identity: resolve(path),
      read: async (position, into) => {
        if (!Number.isSafeInteger(position) || position < 0 || position + into.length > content.length)
          throw new RangeError(`${into.length} bytes at ${position} of ${path}, which has ${content.length}`);
        this.reads.push({ path: resolve(path), position, length: into.length });
        into.set(content.subarray(position, position + into.length));
      },
      statPath: async () => ({ identity: resolve(path), size: content.length, mtimeNs: 0n, ctimeNs: 0n }),
      close: async () => {
        this.unclosed--;
      },
    };
  }
}
