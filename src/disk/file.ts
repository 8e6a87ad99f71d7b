import { read, readSync } from 'node:fs';
import { realpath, stat, type FileHandle } from 'node:fs/promises';
import { VhdupError, messageOf } from '../errors.js';
import { openRegular } from '../state/regular-file.js';

/** What the file system reports about a file. */
export interface FileTimes {
  /** The same for one file whatever its path: device and inode. */
  readonly identity: string;
  /** Bytes. */
  readonly size: number;
  /** Nanoseconds since the epoch, as is `ctimeNs`. */
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Bytes that the file system stores for it; absent if it does not say. */
  readonly allocated?: number | undefined;
}

/** A file opened for reading at positions. A short read is an error, never silent zeros. */
export interface SourceHandle {
  readonly path: string;
  /** Size in bytes when it was opened. */
  readonly size: number;
  /** The same for one file whatever its path. */
  readonly identity: string;
  /** Fills `into` with the bytes at `position`. Throws `disk-unreadable`. */
  read(position: number, into: Uint8Array): Promise<void>;
  /**
   * Does the same synchronously; absent if the file cannot be read that way. It is for thousands of small reads: asynchronous
   * ones cost five times as much. Nothing else runs meanwhile.
   */
  readNow?(position: number, into: Uint8Array): void;
  /** Returns size and times of the file that the path leads to now. Throws `disk-unreadable`. */
  statPath(): Promise<FileTimes>;
  /** Waits for the reads under way, and closes the file. */
  close(): Promise<void>;
}

/** Opens the files of images: the file system of this machine, or a replacement for it. */
export interface Files {
  /** Opens a regular file. Throws `disk-unreadable` if it is missing, not readable, or not a regular file. */
  open(path: string): Promise<SourceHandle>;
  /** Returns the path with all symbolic links resolved. Throws `disk-unreadable` if it does not exist. */
  realPath(path: string): Promise<string>;
}

/** The file system of this machine. */
export const localFiles: Files = {
  open: (path) => LocalFile.open(path),
  async realPath(path) {
    try {
      return await realpath(path);
    } catch (error) {
      throw unreadable(path, error);
    }
  },
};

class LocalFile implements SourceHandle {
  readonly path: string;
  readonly size: number;
  readonly identity: string;
  readonly #handle: FileHandle;
  /** The number of reads under way, and what `close` waits for. */
  #reading = 0;
  #ended: (() => void) | undefined;

  private constructor(path: string, handle: FileHandle, size: number, identity: string) {
    this.path = path;
    this.#handle = handle;
    this.size = size;
    this.identity = identity;
  }

  static async open(path: string): Promise<LocalFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await openRegular(path, { follows: true });
      const stat = await handle.stat({ bigint: true });
      return new LocalFile(path, handle, Number(stat.size), `${stat.dev}:${stat.ino}`);
    } catch (error) {
      await handle?.close();
      throw unreadable(path, error);
    }
  }

  async read(position: number, into: Uint8Array): Promise<void> {
    let done = 0;
    while (done < into.length) {
      let bytesRead: number;
      this.#reading++;
      try {
        bytesRead = await readOnce(this.#handle.fd, into, done, position + done);
      } catch (error) {
        throw this.#unread(position, into, error);
      } finally {
        if (--this.#reading === 0) this.#ended?.();
      }
      if (bytesRead === 0) throw this.#endsBefore(position, into, done);
      done += bytesRead;
    }
  }

  readNow(position: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      let bytesRead: number;
      try {
        bytesRead = readSync(this.#handle.fd, into, done, into.length - done, position + done);
      } catch (error) {
        throw this.#unread(position, into, error);
      }
      if (bytesRead === 0) throw this.#endsBefore(position, into, done);
      done += bytesRead;
    }
  }

  #unread(position: number, into: Uint8Array, error: unknown): VhdupError {
    return new VhdupError(
      'disk-unreadable',
      `${this.path}: cannot read ${into.length} bytes at offset ${position}: ${reason(error)}`,
      { cause: error },
    );
  }

  #endsBefore(position: number, into: Uint8Array, done: number): VhdupError {
    return new VhdupError(
      'disk-unreadable',
      `${this.path}: the file ends at ${done === 0 ? 'or before ' : ''}offset ${position + done}, ${into.length} bytes were expected at offset ${position}`,
    );
  }

  async statPath(): Promise<FileTimes> {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs, blocks } = await stat(this.path, { bigint: true });
      // Not every platform counts blocks, whatever the types say; the unit is always 512 bytes.
      const allocated = Number(blocks) * 512;
      return {
        identity: `${dev}:${ino}`,
        size: Number(size),
        mtimeNs,
        ctimeNs,
        ...(Number.isFinite(allocated) ? { allocated } : {}),
      };
    } catch (error) {
      throw unreadable(this.path, error);
    }
  }

  /** Waits for the reads under way: they use the file descriptor, which must not become that of another file. */
  async close(): Promise<void> {
    if (this.#reading > 0)
      await new Promise<void>((resolve) => {
        this.#ended = resolve;
      });
    await this.#handle.close();
  }
}

/** Does what `FileHandle.read` does, at lower cost: a chain has thousands of bitmaps to read. */
function readOnce(fd: number, into: Uint8Array, done: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, done, into.length - done, position, (error, bytesRead) => {
      if (error) reject(error);
      else resolve(bytesRead);
    });
  });
}

function unreadable(path: string, error: unknown): VhdupError {
  return new VhdupError('disk-unreadable', `${path}: ${reason(error)}`, { cause: error });
}

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'no such file';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EISDIR':
      return 'is a directory, not a disk image';
    case 'ENAMETOOLONG':
      return 'the name is too long';
    case 'ELOOP':
      return 'its symbolic links form a loop';
    default:
      return messageOf(error);
  }
}
