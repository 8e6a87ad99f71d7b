// Compressed clusters of a QCOW2 image, by its tables (qcow2.rst). Shares no code with src.
import type { CompressedPieces } from '../../src/compression/compressed-pieces.js';

/** The compressed clusters of an image, and where each belongs on the disk. */
export interface ImagePieces extends Pick<CompressedPieces, 'bytes' | 'pieces' | 'pieceLength' | 'method'> {
  readonly offsets: readonly number[];
}

/** Returns all compressed clusters of an image without extended L2 entries. */
export function qcow2Pieces(image: Buffer): ImagePieces {
  const clusterBits = image.readUInt32BE(20);
  const pieceLength = 2 ** clusterBits;
  const method = image.readUInt32BE(4) > 2 && image.readUInt32BE(100) > 104 && image[104] === 1 ? 'zstd' : 'deflate';
  const l1Size = image.readUInt32BE(36);
  const l1 = Number(image.readBigUInt64BE(40));
  const offsetBits = BigInt(62 - (clusterBits - 8));
  const pieces: { start: number; end: number }[] = [];
  const offsets: number[] = [];
  for (let index = 0; index < l1Size; index++) {
    const l2 = Number(image.readBigUInt64BE(l1 + index * 8) & 0x00fffffffffffe00n);
    for (let entry = 0; l2 > 0 && entry < pieceLength / 8; entry++) {
      const value = image.readBigUInt64BE(l2 + entry * 8);
      if ((value & (1n << 62n)) === 0n) continue;
      const start = Number(value & ((1n << offsetBits) - 1n));
      const sectors = Number((value & ((1n << 62n) - 1n)) >> offsetBits);
      pieces.push({ start, end: Math.min(image.length, start - (start % 512) + (sectors + 1) * 512) });
      offsets.push((index * (pieceLength / 8) + entry) * pieceLength);
    }
  }
  return { method, bytes: image, pieces, pieceLength, offsets };
}
