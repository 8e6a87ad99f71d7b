import { constants, open, type FileHandle } from 'node:fs/promises';

/** Windows has neither of the two flags, and no such files. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>;

/** How to open a file. Default: for reading, without following a symbolic link. */
export interface OpenMode {
  /** Follow a symbolic link. */
  readonly follows?: boolean;
  /** Open for reading and writing. */
  readonly writes?: boolean;
}

/**
 * Opens an existing regular file. Never waits for the other end of a named pipe. Throws the system's error, and an `Error` for a
 * folder, a pipe, a socket or a device.
 */
export async function openRegular(
  path: string,
  { follows = false, writes = false }: OpenMode = {},
): Promise<FileHandle> {
  const handle = await open(
    path,
    (writes ? constants.O_RDWR : constants.O_RDONLY) | O_NONBLOCK | (follows ? 0 : O_NOFOLLOW),
  );
  try {
    // Checked after opening: an earlier check could be of another file.
    if (!(await handle.stat()).isFile()) throw new Error('not a regular file');
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Reads a regular file of at most `maxBytes`. Does not follow a symbolic link. Throws the system's error, and an `Error` for a
 * file that is longer, grows, or is not regular.
 */
export async function readRegular(path: string, maxBytes: number): Promise<Buffer> {
  await using handle = await openRegular(path);
  const bytes = Buffer.alloc(Math.min((await handle.stat()).size, maxBytes) + 1);
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) return bytes.subarray(0, length);
    length += bytesRead;
  }
  throw new Error(`${path}: longer than expected`);
}
