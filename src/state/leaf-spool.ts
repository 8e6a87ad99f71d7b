import { randomUUID } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VhdupError, messageOf } from '../errors.js';
import { RunWriter, readRuns, type StoredRun } from './leaf-runs.js';

/** Up to this many bytes of values stay in memory: those of 8 GiB. */
const MAX_MEMORY_BYTES = 4 * 1024 * 1024;

/**
 * Keeps leaves for as long as a command runs: a few in memory, many in a temporary file without a name, which is gone with the
 * process. They can be read any number of times.
 */
export class LeafSpool {
  readonly #maxMemoryBytes: number;
  #inMemory: StoredRun[] = [];
  #bytes = 0;
  #file: { readonly handle: FileHandle; readonly path: string; readonly writer: RunWriter } | undefined;

  constructor(maxMemoryBytes = MAX_MEMORY_BYTES) {
    this.#maxMemoryBytes = maxMemoryBytes;
  }

  /** Adds a run. Runs have to be added in ascending order. Throws `output-unwritable` if the temporary file cannot be written. */
  async add(run: StoredRun): Promise<void> {
    this.#bytes += run.values.length;
    try {
      if (!this.#file && this.#bytes <= this.#maxMemoryBytes) {
        // The values may lie in a buffer that is used again.
        this.#inMemory.push({ index: run.index, values: Uint8Array.from(run.values) });
        return;
      }
      this.#file ??= await this.#createFile();
      await this.#file.writer.add(run);
    } catch (error) {
      throw unwritable(error);
    }
  }

  /** Ends the writing. Nothing may be added afterwards. */
  async end(): Promise<void> {
    await this.#file?.writer.end().catch((error: unknown) => {
      throw unwritable(error);
    });
  }

  /** Yields all runs in ascending order. Only after `end`. */
  async *runs(): AsyncGenerator<StoredRun> {
    yield* this.#inMemory;
    if (this.#file) yield* readRuns(this.#file.handle, 0);
  }

  /** Deletes the temporary file. Never throws. */
  async close(): Promise<void> {
    this.#inMemory = [];
    await this.#file?.handle.close().catch(() => undefined);
    if (this.#file) await rm(this.#file.path, { force: true }).catch(() => undefined);
    this.#file = undefined;
  }

  async #createFile(): Promise<{ handle: FileHandle; path: string; writer: RunWriter }> {
    const path = join(tmpdir(), `vhdup-${randomUUID()}.leaves`);
    const handle = await open(path, 'wx+', 0o600);
    // An open file keeps its content without a name. Where that is not possible, `close` deletes it.
    await rm(path, { force: true }).catch(() => undefined);
    return { handle, path, writer: new RunWriter(handle, new Uint8Array()) };
  }
}

function unwritable(error: unknown): VhdupError {
  return new VhdupError('output-unwritable', `${tmpdir()}: a temporary file cannot be written: ${messageOf(error)}`, {
    cause: error,
    hint: 'free some space there, or name another folder with the variable TMPDIR',
  });
}
