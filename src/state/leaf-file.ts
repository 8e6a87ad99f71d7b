import { createHash, randomUUID } from 'node:crypto';
import { lutimes, mkdir, open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { RunWriter, readRuns, type StoredRun } from './leaf-runs.js';
import { openRegular } from './regular-file.js';
import { replaceFile } from './replace-file.js';

const MAGIC = Buffer.from('vhdup leaves 1\n\0', 'ascii');
/** The names of files of leaves. */
const NAME = /^[0-9a-f]{32}\.leaves$/;
/** The length of the header: magic, SHA-256 of the key, digest. */
const HEADER_BYTES = MAGIC.length + 32 + 32;
/** Leaves in a file. They are unchecked: before they are used, the digest has to be computed from them and compared. */
export interface LeafFile {
  readonly digest: Buffer;
  /** Yields all runs in ascending order. Throws if the file is damaged. */
  runs(): AsyncGenerator<StoredRun>;
  /** Closes the file. Never throws. */
  close(): Promise<void>;
}

/** Opens the leaves for `key`, and marks them as used now. Returns `undefined` if there are none, or something else has their name. */
export function openLeafFile(folder: string, key: string): Promise<LeafFile | undefined> {
  return openIf(leafPath(folder, key), (head) => head.key.equals(hashOf(key)));
}

/** Opens the leaves of any disk with this digest, and marks them as used now. Returns `undefined` if there are none. */
export async function findLeafFile(folder: string, digest: Uint8Array): Promise<LeafFile | undefined> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!NAME.test(name)) continue;
    const found = await openIf(join(folder, name), (head) => head.digest.equals(digest));
    if (found) return found;
  }
  return undefined;
}

/** The header of a file: SHA-256 of the key, and the digest. */
interface Head {
  readonly key: Buffer;
  readonly digest: Buffer;
}

async function openIf(path: string, isWanted: (head: Head) => boolean): Promise<LeafFile | undefined> {
  try {
    const handle = await openRegular(path);
    const close = () => handle.close().catch(() => undefined);
    const head = await readHead(handle).catch(() => undefined);
    if (!head || !isWanted(head)) {
      await close();
      return undefined;
    }
    const now = new Date();
    await lutimes(path, now, now).catch(() => undefined);
    return { digest: head.digest, runs: () => readRuns(handle, HEADER_BYTES), close };
  } catch {
    return undefined;
  }
}

/** Returns the header; `undefined` if the file is none of leaves. */
async function readHead(handle: FileHandle): Promise<Head | undefined> {
  const header = await readExactly(handle, HEADER_BYTES, 0);
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const digestAt = MAGIC.length + 32;
  return { key: header.subarray(MAGIC.length, digestAt), digest: header.subarray(digestAt) };
}

/** Deletes the leaves for `key`, if there are any. Never throws. */
export async function deleteLeafFile(folder: string, key: string): Promise<void> {
  await rm(leafPath(folder, key), { force: true }).catch(() => undefined);
}

async function readExactly(handle: FileHandle, length: number, position: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new RangeError(`the file ends at ${position + done}`);
    done += bytesRead;
  }
  return buffer;
}

/** Writes leaves as they become known. The file gets its final name when it is committed. */
export class LeafFileWriter {
  readonly #folder: string;
  readonly #unfinished: string;
  readonly #handle: FileHandle;
  readonly #runs: RunWriter;

  private constructor(folder: string, fresh: string, handle: FileHandle) {
    this.#folder = folder;
    this.#unfinished = fresh;
    this.#handle = handle;
    this.#runs = new RunWriter(handle, Buffer.alloc(HEADER_BYTES));
  }

  /** Creates the file. Throws the system's error if the folder cannot be written. */
  static async create(folder: string): Promise<LeafFileWriter> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const fresh = join(folder, `${randomUUID()}.fresh`);
    return new LeafFileWriter(folder, fresh, await open(fresh, 'wx', 0o600));
  }

  /** Adds a run. Runs have to be added in ascending order. */
  add(run: StoredRun): Promise<void> {
    return this.#runs.add(run);
  }

  /** Makes the file durable, and gives it the name for `key`. Throws the system's error, and then leaves no file. */
  async commit(key: string, digest: Uint8Array): Promise<void> {
    try {
      await this.#runs.end();
      await this.#handle.write(Buffer.concat([MAGIC, hashOf(key), digest]), 0, HEADER_BYTES, 0);
      await this.#handle.sync();
      await this.#handle.close();
      await replaceFile(this.#unfinished, leafPath(this.#folder, key));
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  /** Deletes the unfinished file. Never throws. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#unfinished, { force: true }).catch(() => undefined);
  }
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function leafPath(folder: string, key: string): string {
  return join(folder, `${hashOf(key).toString('hex').slice(0, 32)}.leaves`);
}
