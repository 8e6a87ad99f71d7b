import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VhdupError, messageOf } from '../errors.js';
import { openRegular } from '../state/regular-file.js';
import { hasErrorCode } from '../state/system-error.js';
import { option } from '../option-names.js';

/**
 * A file that is written at positions. Every failure is `output-unwritable`.
 * After the first failure every call throws it again, `sync` above all: a system that failed to write a page may drop it and
 * report success for the next sync.
 */
export class OutputFile implements AsyncDisposable {
  readonly path: string;
  readonly #handle: FileHandle;
  #failure: VhdupError | undefined;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** Creates an empty file. Throws if something has that name. */
  static create(path: string): Promise<OutputFile> {
    return OutputFile.#open(path, () => open(path, 'wx+'));
  }

  /** Opens an existing file to continue it. Throws if it is a symbolic link or not a regular file. */
  static reopen(path: string): Promise<OutputFile> {
    return OutputFile.#open(path, () => openRegular(path, { writes: true }));
  }

  static async #open(path: string, opened: () => Promise<FileHandle>): Promise<OutputFile> {
    try {
      return new OutputFile(path, await opened());
    } catch (error) {
      throw unwritable(path, 'open it for writing', error);
    }
  }

  /** Writes all of `bytes` at `position`. */
  async write(position: number, bytes: Uint8Array): Promise<void> {
    await this.#do(`write ${bytes.length} bytes at offset ${position}`, async () => {
      for (let done = 0; done < bytes.length;) {
        done += (await this.#handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
      }
    });
  }

  /** Fills `into` with the bytes at `position`. Throws if the file ends before that. */
  async read(position: number, into: Uint8Array): Promise<void> {
    await this.#do(`read ${into.length} bytes at offset ${position}`, async () => {
      for (let done = 0; done < into.length;) {
        const { bytesRead } = await this.#handle.read(into, done, into.length - done, position + done);
        if (bytesRead === 0) throw new Error('the file ends there');
        done += bytesRead;
      }
    });
  }

  /** Cuts the file to this many bytes, or extends it with a hole. */
  async truncate(size: number): Promise<void> {
    await this.#do(`give it a size of ${size} bytes`, () => this.#handle.truncate(size));
  }

  /** Resolves when everything that was written before is on the medium. */
  async sync(): Promise<void> {
    await this.#do('make it durable', () => this.#handle.datasync());
  }

  /** Returns the size of the file in bytes. */
  async size(): Promise<number> {
    return this.#do('look at it', async () => (await this.#handle.stat()).size);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #do<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure;
    try {
      return await work();
    } catch (error) {
      this.#failure ??= unwritable(this.path, what, error);
      throw this.#failure;
    }
  }
}

/** Returns the error for a failure to write; `what` completes "cannot …". */
export function unwritable(path: string, what: string, error: unknown): VhdupError {
  const [reason, hint] = reasonOf(error, path);
  return new VhdupError('output-unwritable', `${path}: cannot ${what}: ${reason}`, {
    cause: error,
    hint,
    retryable: !hasErrorCode(error, ...LASTING),
  });
}

/** Failures that stay until somebody changes the path, the permissions or the file system. */
const LASTING = [
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'ERR_FS_EISDIR',
  'ENOTEMPTY',
  'EACCES',
  'EROFS',
  'ELOOP',
  'ENAMETOOLONG',
];

function reasonOf(error: unknown, path: string): readonly [reason: string, hint: string] {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
      return ['no space is left', 'make room, then run the same command to resume'];
    case 'EDQUOT':
      return ['the quota is used up', 'make room, then run the same command to resume'];
    case 'EFBIG':
      return [
        'the file system, or a limit (ulimit -f), allows no file so large',
        `choose another file system or raise the limit, then run the command again; ${option('format', 'dynamic')} makes the smallest file`,
      ];
    case 'ENOENT':
      return [`there is no such folder: ${dirname(path)}`, 'make the folder, then run the same command'];
    case 'ENOTDIR':
      return ['a part of the path is not a folder', 'name a file in a folder'];
    case 'EISDIR':
    case 'ERR_FS_EISDIR':
    case 'ENOTEMPTY':
      return ['a folder has this name', 'remove it, if it is not needed, then run the same command'];
    case 'EACCES':
    case 'EPERM':
      return ['permission denied', 'choose a folder that you may write to'];
    case 'EROFS':
      return ['the file system is read-only', 'choose a folder that you may write to'];
    default:
      return [messageOf(error), 'run the same command to resume'];
  }
}
