import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, mkdir, open, opendir, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join, posix, sep } from 'node:path';
import { VhdupError, messageOf } from '../errors.js';
import type { Range } from '../bytes/range.js';
import { hasErrorCode } from '../state/system-error.js';
import { ObjectMissing, requireKey, type Store, type StoredObject } from './store.js';

/** Objects that are being written. */
const TEMPORARY = 'tmp';

/** A store in a folder. */
export class FolderStore implements Store {
  readonly name: string;
  readonly #folder: string;
  readonly #link: typeof link;

  /** The folder need not be there yet. `linkFile`: for tests. */
  constructor(folder: string, linkFile = link) {
    this.name = folder;
    this.#folder = folder;
    this.#link = linkFile;
  }

  async create(key: string, parts: readonly Uint8Array[]): Promise<'created' | 'exists'> {
    const path = this.#pathOf(key);
    const fresh = join(this.#folder, TEMPORARY, randomUUID());
    try {
      await this.#makeFolder(dirname(fresh));
      await writeDurably(fresh, parts);
      await this.#makeFolder(dirname(path));
      if (!(await this.#linkNew(fresh, path))) return 'exists';
      await syncFolder(dirname(path));
      return 'created';
    } catch (error) {
      throw this.#unwritable(key, error);
    } finally {
      await rm(fresh, { force: true }).catch(() => undefined);
    }
  }

  async get(key: string, range?: Range): Promise<Buffer> {
    const path = this.#pathOf(key);
    let file: FileHandle | undefined;
    try {
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      const { size } = await file.stat();
      const { offset, length } = range ?? { offset: 0, length: size };
      if (offset + length > size) throw this.#tooShort(key, size);
      const bytes = Buffer.alloc(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) throw this.#tooShort(key, offset + done);
        done += bytesRead;
      }
      return bytes;
    } catch (error) {
      if (error instanceof VhdupError) throw error;
      if (isAbsent(error)) throw new ObjectMissing(this, key, error);
      throw new VhdupError('vault-damaged', `${path}: ${messageOf(error)}`, { cause: error });
    } finally {
      await file?.close();
    }
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const found = await this.#statOf(key);
    return found && { key, ...found };
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    // Of the prefix, the part up to the last slash is a folder.
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    for await (const key of this.#keysIn(folder)) {
      const found = key.startsWith(prefix) ? await this.#statOf(key) : undefined;
      if (found) yield { key, ...found };
    }
  }

  async delete(key: string): Promise<void> {
    const path = this.#pathOf(key);
    try {
      await rm(path, { force: true });
      await syncFolder(dirname(path));
    } catch (error) {
      if (!isAbsent(error)) throw this.#unwritable(key, error);
    }
  }

  async now(): Promise<number> {
    const path = join(this.#folder, TEMPORARY, randomUUID());
    try {
      await this.#makeFolder(dirname(path));
      const file = await open(path, 'wx');
      try {
        return (await file.stat()).mtimeMs;
      } finally {
        await file.close();
      }
    } catch (error) {
      throw this.#unwritable(TEMPORARY, error);
    } finally {
      await rm(path, { force: true }).catch(() => undefined);
    }
  }

  #pathOf(key: string): string {
    requireKey(key);
    return join(this.#folder, ...key.split(posix.sep));
  }

  /** Yields the keys of all files in a folder, which ends with a slash or is empty. */
  async *#keysIn(folder: string): AsyncGenerator<string> {
    const entries = await opendir(join(this.#folder, ...folder.split('/'))).catch((error: unknown) => {
      if (isAbsent(error)) return undefined;
      throw new VhdupError('vault-damaged', `${this.name}: ${folder} cannot be listed: ${messageOf(error)}`, {
        cause: error,
      });
    });
    for await (const entry of entries ?? []) {
      const key = folder + entry.name;
      if (folder === '' && entry.name === TEMPORARY) continue;
      if (entry.isDirectory()) yield* this.#keysIn(`${key}/`);
      else if (entry.isFile()) yield key;
    }
  }

  async #statOf(key: string): Promise<{ readonly size: number; readonly modified: number } | undefined> {
    try {
      const found = await lstat(this.#pathOf(key));
      // A link to an older file dates only the time of change.
      return found.isFile() ? { size: found.size, modified: Math.max(found.mtimeMs, found.ctimeMs) } : undefined;
    } catch (error) {
      if (error instanceof RangeError || isAbsent(error)) return undefined;
      throw new VhdupError('vault-damaged', `${this.name}: ${key}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Makes a folder below that of the store, and makes each new one durable. */
  async #makeFolder(path: string): Promise<void> {
    const first = await mkdir(path, { recursive: true });
    if (first === undefined) return;
    for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
  }

  /** Gives a file a second name. Returns false if something has that name already. */
  async #linkNew(path: string, name: string): Promise<boolean> {
    try {
      await this.#link(path, name);
      return true;
    } catch (error) {
      if (hasErrorCode(error, 'EEXIST')) return false;
      throw error;
    }
  }

  #tooShort(key: string, size: number): VhdupError {
    return new VhdupError('vault-damaged', `${join(this.#folder, key.replaceAll('/', sep))} has only ${size} bytes`);
  }

  #unwritable(key: string, error: unknown): VhdupError {
    const isLinkless = hasErrorCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK');
    return new VhdupError('output-unwritable', `${this.name}: ${key} cannot be written: ${messageOf(error)}`, {
      cause: error,
      ...(isLinkless ? { hint: 'a vault in a folder needs a file system with hard links' } : {}),
    });
  }
}

async function writeDurably(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for (const part of parts) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the names in a folder durable. Windows has no such call. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isAbsent(error: unknown): boolean {
  return hasErrorCode(error, 'ENOENT', 'ENOTDIR');
}
