import { WorkerPool } from '../threads/worker-pool.js';
import { WorkerThread, workerFile } from '../threads/worker-thread.js';
import { DecompressionError, type CompressedPieces } from './compressed-pieces.js';
import { decompressPieces } from './decompress-pieces.js';
import type { DecompressResult, DecompressTask } from './decompress-worker.js';

/** Up to this many bytes in all are decompressed before a thread has even started. */
const MAX_LOCAL_TOTAL = 48 * 1024 * 1024;
/** Work is divided among threads in parts of at least this many decompressed bytes: a message takes as long as a few KiB. */
const MIN_PART = 512 * 1024;

type DecompressThread = WorkerThread<DecompressTask, DecompressResult>;

/** How a `Decompressor` uses threads. */
export interface DecompressorOptions {
  /** The most threads. Default: the number of cores, at most 4. */
  readonly maxThreads?: number;
  /** The number of bytes that are decompressed in this thread before others are started. Default: 48 MiB. */
  readonly maxLocalTotal?: number;
}

/**
 * Decompresses pieces, the first 48 MiB in this thread, everything later in others. Bytes in shared memory are used in
 * place; others are copied, so that as much memory as the caller's own is in use besides.
 */
export class Decompressor {
  readonly #pool: WorkerPool<DecompressThread>;
  #localLeft: number;

  constructor({ maxThreads, maxLocalTotal = MAX_LOCAL_TOTAL }: DecompressorOptions = {}) {
    this.#pool = new WorkerPool(
      () => new WorkerThread(workerFile('decompress-worker', import.meta.url), 'decompresses'),
      maxThreads,
    );
    this.#localLeft = maxLocalTotal;
  }

  /** The number of threads that were started. */
  get threadCount(): number {
    return this.#pool.threadCount;
  }

  /**
   * Decompresses all pieces. `bytes` and `into` must not be changed until the promise has settled; nothing changes `into`
   * afterwards. Throws `DecompressionError` for the first piece that does not decompress to exactly `pieceLength` bytes;
   * `into` may then hold anything. Throws `RangeError` if `into` has another length than the pieces together.
   */
  async decompress(work: CompressedPieces): Promise<void> {
    if (work.into.length !== work.pieces.length * work.pieceLength)
      throw new RangeError(`${work.pieces.length} pieces of ${work.pieceLength} bytes do not fill ${work.into.length}`);
    if (work.into.length <= this.#localLeft) {
      this.#localLeft -= work.into.length;
      await decompressPieces(work);
      return;
    }
    this.#localLeft = 0;
    // Parts come in the order of their pieces, so the first error is that of the first piece.
    const results = await Promise.allSettled(this.#partsOf(work).map((part) => this.#runPart(work, part)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Ends all threads. Pending work is rejected. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** Divides the pieces evenly; returns the indexes of each part. */
  #partsOf({ pieces, pieceLength }: CompressedPieces): readonly Part[] {
    const count = Math.max(1, Math.min(this.#pool.maxThreads, Math.floor((pieces.length * pieceLength) / MIN_PART)));
    const length = Math.ceil(pieces.length / count);
    return Array.from({ length: Math.ceil(pieces.length / length) }, (_, index) => ({
      first: index * length,
      end: Math.min(pieces.length, (index + 1) * length),
    }));
  }

  async #runPart(work: CompressedPieces, { first, end }: Part): Promise<void> {
    const target = work.into.subarray(first * work.pieceLength, end * work.pieceLength);
    const source = sourceOf({ ...work, pieces: work.pieces.slice(first, end) });
    const task = isShared(target) ? { ...source, into: target } : source;
    const transfer = source.bytes.buffer instanceof ArrayBuffer ? [source.bytes.buffer] : [];
    const { damaged, made } = await this.#pool.leastBusy().run(task, transfer);
    if (damaged) throw new DecompressionError(first + damaged.index, damaged.message);
    if (made) target.set(made);
  }
}

/** Indexes of pieces, the end excluded. */
interface Part {
  readonly first: number;
  readonly end: number;
}

/** Returns a task without `into`. Its bytes are shared, or a copy of those that its pieces need. */
function sourceOf({ method, bytes, pieces, pieceLength }: Omit<CompressedPieces, 'into'>): DecompressTask {
  if (isShared(bytes)) return { method, bytes, pieces, pieceLength };
  const start = pieces.reduce((least, piece) => Math.min(least, piece.start), bytes.length);
  const end = pieces.reduce((most, piece) => Math.max(most, piece.end), start);
  return {
    method,
    bytes: new Uint8Array(bytes.subarray(start, end)),
    pieces: pieces.map((piece) => ({ start: piece.start - start, end: piece.end - start })),
    pieceLength,
  };
}

function isShared({ buffer }: Uint8Array): boolean {
  return buffer instanceof SharedArrayBuffer;
}
