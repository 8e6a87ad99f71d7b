import { createHmac } from 'node:crypto';

/** The shortest piece, but for the last one of a stream, in bytes. */
export const MIN_PIECE = 4096;
/** From this length on, more places are fit for a cut. */
const NORMAL_PIECE = 16_384;
/** The longest piece, in bytes. */
export const MAX_PIECE = 65_536;
/** A cut depends on this many bytes before it. */
const WINDOW = 32;
/** The top bits of the hash that have to be zero: 16 in short pieces, 12 in longer ones. */
const SHORT_SHIFT = 16;
const LONG_SHIFT = 20;

/** The key of vaults without encryption. */
export const PLAIN_GEAR_KEY: Uint8Array = new Uint8Array(32);

/** Returns the 256 values of the rolling hash for a key of 32 bytes (docs/VAULT.md, "Cutting"). */
export function gearTable(key: Uint8Array): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) =>
    createHmac('sha256', key)
      .update(Buffer.from(`vhdup gear 1${String.fromCharCode(byte)}`, 'latin1'))
      .digest()
      .readInt32LE(0),
  );
}

/**
 * Cuts a stream into pieces by its content: after an insertion the cuts are soon at the same bytes again. The pieces depend on the
 * bytes alone, not on how they arrive.
 */
export class PieceCutter {
  readonly #gear: Int32Array;
  /** Copies of the bytes behind the last piece, in order. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  constructor(gear: Int32Array) {
    this.#gear = gear;
  }

  /** Takes the next bytes, which may be changed afterwards. Returns the pieces that are known now, in order. */
  add(bytes: Uint8Array): Uint8Array[] {
    // Whatever follows may move a cut before the greatest length, so fewer bytes have to wait.
    if (this.#pendingBytes + bytes.length < MAX_PIECE) {
      this.#keep(Buffer.from(bytes));
      return [];
    }
    const { pieces, rest } = this.#pieces(Buffer.concat([...this.#take(), bytes]), MAX_PIECE);
    this.#keep(rest);
    return pieces;
  }

  /** Ends the stream. Returns the pieces that are left. The next bytes begin another stream. */
  end(): Uint8Array[] {
    return this.#pieces(Buffer.concat(this.#take()), 1).pieces;
  }

  #keep(bytes: Buffer): void {
    if (bytes.length > 0) this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  #take(): Buffer[] {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    return pending;
  }

  /** Cuts pieces while at least `least` bytes are left. */
  #pieces(all: Buffer, least: number): { readonly pieces: Uint8Array[]; readonly rest: Buffer } {
    const pieces: Uint8Array[] = [];
    let from = 0;
    while (all.length - from >= least) {
      const length = this.#cut(all, from);
      pieces.push(all.subarray(from, from + length));
      from += length;
    }
    return { pieces, rest: all.subarray(from) };
  }

  /** Returns the length of the piece at `from`: up to its cut, or up to the end of the bytes. */
  #cut(bytes: Uint8Array, from: number): number {
    const left = Math.min(bytes.length - from, MAX_PIECE);
    if (left <= MIN_PIECE) return left;
    const gear = this.#gear;
    let hash = 0;
    let at = from + MIN_PIECE - WINDOW;
    for (const first = from + MIN_PIECE; at < first; at++) hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0;
    const normal = from + Math.min(left, NORMAL_PIECE);
    for (; at < normal; at++) {
      if (hash >>> SHORT_SHIFT === 0) return at - from;
      hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0;
    }
    for (const end = from + left; at < end; at++) {
      if (hash >>> LONG_SHIFT === 0) return at - from;
      hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0;
    }
    return left;
  }
}
