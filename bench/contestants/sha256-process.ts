import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

/** Computes SHA-256 of ranges of a file on all cores, and nothing else. Its argument names a `Sha256Job`. */

export interface Sha256Job {
  readonly file: string;
  readonly ranges: readonly (readonly [offset: number, length: number])[];
}

interface Share {
  readonly job: Sha256Job;
  /** The index of the next piece, for all threads. */
  readonly next: Int32Array;
}

const PIECE = 4 * 1024 * 1024;

if (isMainThread) {
  const job = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Sha256Job;
  const share: Share = { job, next: new Int32Array(new SharedArrayBuffer(4)) };
  const ended = Array.from(
    { length: availableParallelism() },
    () =>
      new Promise<void>((resolve, reject) => {
        new Worker(fileURLToPath(import.meta.url), { workerData: share }).on('error', reject).on('exit', () => {
          resolve();
        });
      }),
  );
  await Promise.all(ended);
} else await hashShare(workerData as Share);

/** One piece is read while the other is hashed. */
async function hashShare({ job, next }: Share): Promise<void> {
  const pieces = job.ranges.flatMap(([offset, length]) =>
    Array.from({ length: Math.ceil(length / PIECE) }, (_, index) => ({
      offset: offset + index * PIECE,
      length: Math.min(PIECE, length - index * PIECE),
    })),
  );
  const file = await open(job.file);
  const hash = createHash('sha256');
  const buffers = [Buffer.allocUnsafeSlow(PIECE), Buffer.allocUnsafeSlow(PIECE)] as const;
  const read = async (buffer: Buffer) => {
    const piece = pieces[Atomics.add(next, 0, 1)];
    if (!piece) return undefined;
    const { bytesRead } = await file.read(buffer, 0, piece.length, piece.offset);
    return buffer.subarray(0, bytesRead);
  };
  let reading = read(buffers[0]);
  for (let turn = 1; ; turn = 1 - turn) {
    const piece = await reading;
    if (!piece) break;
    reading = read(turn === 0 ? buffers[0] : buffers[1]);
    hash.update(piece);
  }
  hash.digest();
  await file.close();
}
