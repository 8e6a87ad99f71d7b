import { createHash, randomUUID } from 'node:crypto';
import { lutimes, mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { openRegular } from './regular-file.js';
import { replaceFile } from './replace-file.js';

/** The length of a leaf's value. */
const VALUE_BYTES = 32;
const MAGIC = Buffer.from('vhdup leaves 1\n\0', 'ascii');
/** The length of the header: magic, SHA-256 of the key, digest. */
const HEADER_BYTES = MAGIC.length + 32 + 32;
/** The length of a run's header: index of the first leaf (8 bytes), number of leaves (4), big-endian. A run of 0 leaves ends the file. */
const RUN_HEADER_BYTES = 12;
/** The most leaves in a run. It bounds the memory. */
const MAX_RUN_LEAVES = 32_768;
/** The bytes that are read or written at a time. */
const CHUNK_BYTES = 1024 * 1024;

/** The values of consecutive leaves of a tree digest. `index`: that of the first one. */
export interface StoredRun {
  readonly index: number;
  readonly values: Uint8Array;
}

/** Leaves in a file. They are unchecked: before they are used, the digest has to be computed from them and compared. */
export interface LeafFile {
  readonly digest: Buffer;
  /** Yields all runs in ascending order. Throws if the file is damaged. */
  runs(): AsyncGenerator<StoredRun>;
  /** Closes the file. Never throws. */
  close(): Promise<void>;
}

/** Opens the leaves for `key`, and marks them as used now. Returns `undefined` if there are none, or something else has their name. */
export async function openLeafFile(folder: string, key: string): Promise<LeafFile | undefined> {
  const path = leafPath(folder, key);
  try {
    const handle = await openRegular(path);
    const close = () => handle.close().catch(() => undefined);
    const digest = await readDigest(handle, key).catch(() => undefined);
    if (!digest) {
      await close();
      return undefined;
    }
    const now = new Date();
    await lutimes(path, now, now).catch(() => undefined);
    return { digest, runs: () => readRuns(handle), close };
  } catch {
    return undefined;
  }
}

/** Returns the digest in the header; `undefined` if the file is not for `key`. */
async function readDigest(handle: FileHandle, key: string): Promise<Buffer | undefined> {
  const header = await readExactly(handle, HEADER_BYTES, 0);
  const isOurs =
    header.subarray(0, MAGIC.length).equals(MAGIC) &&
    header.subarray(MAGIC.length, MAGIC.length + 32).equals(hashOf(key));
  return isOurs ? header.subarray(MAGIC.length + 32) : undefined;
}

/** Deletes the leaves for `key`, if there are any. Never throws. */
export async function deleteLeafFile(folder: string, key: string): Promise<void> {
  await rm(leafPath(folder, key), { force: true }).catch(() => undefined);
}

async function* readRuns(handle: FileHandle): AsyncGenerator<StoredRun> {
  let position = HEADER_BYTES;
  let ahead = Buffer.alloc(0);
  // A read is longer than most runs.
  const take = async (length: number): Promise<Buffer> => {
    while (ahead.length < length) {
      const more = Buffer.alloc(CHUNK_BYTES);
      const { bytesRead } = await handle.read(more, 0, CHUNK_BYTES, position);
      if (bytesRead === 0) throw new RangeError(`the kept leaves end at ${position}`);
      position += bytesRead;
      ahead = Buffer.concat([ahead, more.subarray(0, bytesRead)]);
    }
    const bytes = ahead.subarray(0, length);
    ahead = ahead.subarray(length);
    return bytes;
  };
  for (;;) {
    const head = await take(RUN_HEADER_BYTES);
    const count = head.readUInt32BE(8);
    if (count === 0) return;
    if (count > MAX_RUN_LEAVES) throw new RangeError(`a run of ${count} kept leaves`);
    yield { index: Number(head.readBigUInt64BE(0)), values: await take(count * VALUE_BYTES) };
  }
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
  #buffered: Uint8Array[] = [];
  #bufferedBytes = 0;

  private constructor(folder: string, fresh: string, handle: FileHandle) {
    this.#folder = folder;
    this.#unfinished = fresh;
    this.#handle = handle;
  }

  /** Creates the file. Throws the system's error if the folder cannot be written. */
  static async create(folder: string): Promise<LeafFileWriter> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const fresh = join(folder, `${randomUUID()}.fresh`);
    const writer = new LeafFileWriter(folder, fresh, await open(fresh, 'wx', 0o600));
    writer.#buffer(Buffer.alloc(HEADER_BYTES));
    return writer;
  }

  /** Adds a run of at most `MAX_RUN_LEAVES` leaves. Runs have to be added in ascending order. */
  async add({ index, values }: StoredRun): Promise<void> {
    const head = Buffer.alloc(RUN_HEADER_BYTES);
    head.writeBigUInt64BE(BigInt(index), 0);
    head.writeUInt32BE(values.length / VALUE_BYTES, 8);
    this.#buffer(head);
    this.#buffer(values);
    if (this.#bufferedBytes >= CHUNK_BYTES) await this.#flush();
  }

  /** Makes the file durable, and gives it the name for `key`. Throws the system's error, and then leaves no file. */
  async commit(key: string, digest: Uint8Array): Promise<void> {
    try {
      this.#buffer(Buffer.alloc(RUN_HEADER_BYTES));
      await this.#flush();
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

  #buffer(bytes: Uint8Array): void {
    this.#buffered.push(bytes);
    this.#bufferedBytes += bytes.length;
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#buffered);
    this.#buffered = [];
    this.#bufferedBytes = 0;
    for (let done = 0; done < bytes.length;) done += (await this.#handle.write(bytes, done)).bytesWritten;
  }
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function leafPath(folder: string, key: string): string {
  return join(folder, `${hashOf(key).toString('hex').slice(0, 32)}.leaves`);
}
