import { answerTasks } from '../threads/answer-tasks.js';
import { DecompressionError, type CompressedPieces } from './compressed-pieces.js';
import { decompressPieces } from './decompress-pieces.js';

/** Pieces for a worker thread. `into` is left out if it is not in shared memory: the worker then makes it. */
export type DecompressTask = Omit<CompressedPieces, 'into'> & { readonly into?: Uint8Array };

/** The result of a task. */
export interface DecompressResult {
  /** What is wrong with a piece; `undefined` if nothing is. */
  readonly damaged?: { readonly index: number; readonly message: string };
  /** The decompressed pieces, unless the task had an `into`. */
  readonly made?: Uint8Array<ArrayBuffer>;
}

async function resultOf({ into, ...work }: DecompressTask): Promise<DecompressResult> {
  try {
    if (into) {
      await decompressPieces({ ...work, into });
      return {};
    }
    const made = new Uint8Array(work.pieces.length * work.pieceLength);
    await decompressPieces({ ...work, into: made });
    return { made };
  } catch (error) {
    if (error instanceof DecompressionError) return { damaged: { index: error.index, message: error.message } };
    throw error;
  }
}

answerTasks(resultOf, ({ made }) => (made ? [made.buffer] : []));
