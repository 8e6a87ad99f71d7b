import { createHash, randomUUID } from 'node:crypto';
import { lutimes, mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { openRegular } from './regular-file.js';

/** Bytes of a leaf's value. */
const VALUE = 32;
const MAGIC = Buffer.from('vhdup leaves 1\n\0', 'ascii');
/** Magic, SHA-256 of the key, the digest. */
const HEADER = MAGIC.length + 32 + 32;
/** Before each run: index of its first leaf (8 bytes), how many they are (4). */
const RUN_HEADER = 12;
/** Leaves of a run, at most: so much is in memory at a time. */
const MAX_RUN = 32_768;
/** Read and written at a time, in bytes. */
const CHUNK = 1024 * 1024;

/** The values of consecutive leaves of a tree digest, the first of them at `index`. */
export interface StoredRun {
  readonly index: number;
  readonly values: Uint8Array;
}

/** Kept leaves. Nobody has checked them yet: whoever uses them computes the digest from them first. The folder may go meanwhile. */
export interface LeafFile {
  readonly digest: Buffer;
  /** All runs in ascending order; throws where the file is damaged. */
  runs(): AsyncGenerator<StoredRun>;
  /** Never throws. */
  close(): Promise<void>;
}

/** Returns the leaves that are kept for `key`; `undefined` if there are none, or something else has their name. */
export async function openLeafFile(folder: string, key: string): Promise<LeafFile | undefined> {
  const path = leafPath(folder, key);
  try {
    const handle = await openRegular(path);
    const close = () => handle.close().catch(() => undefined);
    const digest = await digestIn(handle, key).catch(() => undefined);
    if (!digest) {
      await close();
      return undefined;
    }
    const now = new Date();
    await lutimes(path, now, now).catch(() => undefined);
    return { digest, runs: () => runsOf(handle), close };
  } catch {
    return undefined;
  }
}

/** The digest that a file names, where it is about `key`. */
async function digestIn(handle: FileHandle, key: string): Promise<Buffer | undefined> {
  const header = await exactly(handle, HEADER, 0);
  const isOurs =
    header.subarray(0, MAGIC.length).equals(MAGIC) &&
    header.subarray(MAGIC.length, MAGIC.length + 32).equals(hashOf(key));
  return isOurs ? header.subarray(MAGIC.length + 32) : undefined;
}

export async function deleteLeafFile(folder: string, key: string): Promise<void> {
  await rm(leafPath(folder, key), { force: true }).catch(() => undefined);
}

async function* runsOf(handle: FileHandle): AsyncGenerator<StoredRun> {
  let position = HEADER;
  let ahead = Buffer.alloc(0);
  // Runs are short, reads are not.
  const take = async (length: number): Promise<Buffer> => {
    while (ahead.length < length) {
      const more = Buffer.alloc(CHUNK);
      const { bytesRead } = await handle.read(more, 0, CHUNK, position);
      if (bytesRead === 0) throw new RangeError(`the kept leaves end at ${position}`);
      position += bytesRead;
      ahead = Buffer.concat([ahead, more.subarray(0, bytesRead)]);
    }
    const taken = ahead.subarray(0, length);
    ahead = ahead.subarray(length);
    return taken;
  };
  for (;;) {
    const head = await take(RUN_HEADER);
    const count = head.readUInt32BE(8);
    if (count === 0) return;
    if (count > MAX_RUN) throw new RangeError(`a run of ${count} kept leaves`);
    yield { index: Number(head.readBigUInt64BE(0)), values: await take(count * VALUE) };
  }
}

async function exactly(handle: FileHandle, length: number, position: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new RangeError(`the file ends at ${position + done}`);
    done += bytesRead;
  }
  return buffer;
}

/** Writes leaves as they become known. The file gets its name only with `commit`. */
export class LeafFileWriter {
  readonly #folder: string;
  readonly #fresh: string;
  readonly #handle: FileHandle;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  private constructor(folder: string, fresh: string, handle: FileHandle) {
    this.#folder = folder;
    this.#fresh = fresh;
    this.#handle = handle;
  }

  /** Throws where the folder cannot be written. */
  static async create(folder: string): Promise<LeafFileWriter> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const fresh = join(folder, `${randomUUID()}.fresh`);
    const writer = new LeafFileWriter(folder, fresh, await open(fresh, 'wx', 0o600));
    writer.#put(Buffer.alloc(HEADER));
    return writer;
  }

  /** Takes a run; ascending, at most `MAX_RUN` leaves. */
  async add({ index, values }: StoredRun): Promise<void> {
    const head = Buffer.alloc(RUN_HEADER);
    head.writeBigUInt64BE(BigInt(index), 0);
    head.writeUInt32BE(values.length / VALUE, 8);
    this.#put(head);
    this.#put(values);
    if (this.#waitingBytes >= CHUNK) await this.#flush();
  }

  async commit(key: string, digest: Uint8Array): Promise<void> {
    try {
      this.#put(Buffer.alloc(RUN_HEADER));
      await this.#flush();
      await this.#handle.write(Buffer.concat([MAGIC, hashOf(key), digest]), 0, HEADER, 0);
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.#fresh, leafPath(this.#folder, key));
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  /** Never throws. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#fresh, { force: true }).catch(() => undefined);
  }

  #put(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (let done = 0; done < bytes.length;) done += (await this.#handle.write(bytes, done)).bytesWritten;
  }
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function leafPath(folder: string, key: string): string {
  return join(folder, `${hashOf(key).toString('hex').slice(0, 32)}.leaves`);
}
