import type { FileHandle } from 'node:fs/promises';

/** The length of a leaf's value. */
const VALUE_BYTES = 32;
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

/** Yields the runs in a file from `position` on. Throws `RangeError` if they are damaged, or have no end. */
export async function* readRuns(handle: FileHandle, position: number): AsyncGenerator<StoredRun> {
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

/** Writes runs to a file, one after the other. */
export class RunWriter {
  readonly #handle: FileHandle;
  #buffered: Uint8Array[] = [];
  #bufferedBytes = 0;

  /** `header`: bytes at the beginning of the file. */
  constructor(handle: FileHandle, header: Uint8Array) {
    this.#handle = handle;
    this.#buffer(header);
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

  /** Writes the end. Nothing may be added afterwards. */
  async end(): Promise<void> {
    this.#buffer(Buffer.alloc(RUN_HEADER_BYTES));
    await this.#flush();
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
