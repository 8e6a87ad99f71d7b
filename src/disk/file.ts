import { constants, open, stat, type FileHandle } from 'node:fs/promises';
import { VhdupError, messageOf } from '../errors.js';

/** What the file system says of a file. */
export interface FileTimes {
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** A file opened for reading at positions. Short reads are errors here, never silent zeros. */
export class SourceHandle implements AsyncDisposable {
  readonly path: string;
  /** Size in bytes when it was opened. */
  readonly size: number;
  /** The same file has the same identity, whatever its path. */
  readonly identity: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, size: number, identity: string) {
    this.path = path;
    this.#handle = handle;
    this.size = size;
    this.identity = identity;
  }

  /** Opens a regular file; throws `disk-unreadable` where it is missing, not readable, or something else. */
  static async open(path: string): Promise<SourceHandle> {
    let handle: FileHandle | undefined;
    try {
      // Without O_NONBLOCK the opening of a named pipe waits for a writer, perhaps for ever. Windows has no such flag.
      handle = await open(path, constants.O_RDONLY | ((constants as Partial<typeof constants>).O_NONBLOCK ?? 0));
      const stat = await handle.stat({ bigint: true });
      if (!stat.isFile()) throw new Error('not a regular file');
      return new SourceHandle(path, handle, Number(stat.size), `${stat.dev}:${stat.ino}`);
    } catch (error) {
      await handle?.close();
      throw new VhdupError('disk-unreadable', `${path}: ${reason(error)}`, { cause: error });
    }
  }

  /** Fills `into` from `position`, or throws `disk-unreadable`. */
  async read(position: number, into: Uint8Array): Promise<void> {
    let done = 0;
    while (done < into.length) {
      let bytesRead: number;
      try {
        ({ bytesRead } = await this.#handle.read(into, done, into.length - done, position + done));
      } catch (error) {
        throw new VhdupError('disk-unreadable', `${this.path}: cannot read ${into.length} bytes at offset ${position}: ${reason(error)}`, { cause: error });
      }
      if (bytesRead === 0) {
        throw new VhdupError('disk-unreadable', `${this.path}: the file ends at offset ${position + done}, ${into.length} bytes were expected at offset ${position}`);
      }
      done += bytesRead;
    }
  }

  /** Size and times of what the path leads to now. */
  async statPath(): Promise<FileTimes> {
    try {
      const { size, mtimeNs, ctimeNs } = await stat(this.path, { bigint: true });
      return { size: Number(size), mtimeNs, ctimeNs };
    } catch (error) {
      throw new VhdupError('disk-unreadable', `${this.path}: ${reason(error)}`, { cause: error });
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT': return 'no such file';
    case 'EACCES': case 'EPERM': return 'permission denied';
    case 'EISDIR': return 'is a directory, not a disk image';
    default: return messageOf(error);
  }
}
