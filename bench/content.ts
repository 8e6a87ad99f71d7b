import { open } from 'node:fs/promises';
import type { ContainerClient } from '@azure/storage-blob';
import { merged, type Extent, type Input } from './inputs/input.js';

const PIECE = 4 * 1024 * 1024;
const SECTOR = 512;
const ZEROS = Buffer.alloc(PIECE);
const counted = new Map<string, Promise<number>>();

/** Bytes in the sectors of a disk that are not zero. */
export function nonZeroBytes(input: Input): Promise<number> {
  const known = counted.get(input.flat) ?? count(input);
  counted.set(input.flat, known);
  return known;
}

async function count({ flat, data }: Input): Promise<number> {
  const file = await open(flat);
  const buffer = Buffer.allocUnsafe(PIECE);
  let bytes = 0;
  for (const [offset, length] of data) {
    for (let at = offset; at < offset + length; at += PIECE) {
      const piece = buffer.subarray(0, Math.min(PIECE, offset + length - at));
      await file.read(piece, 0, piece.length, at);
      bytes += nonZeroIn(piece);
    }
  }
  await file.close();
  return bytes;
}

function nonZeroIn(piece: Buffer): number {
  if (isZero(piece)) return 0;
  let bytes = 0;
  for (let at = 0; at < piece.length; at += SECTOR) if (!isZero(piece.subarray(at, at + SECTOR))) bytes += SECTOR;
  return bytes;
}

function isZero(piece: Buffer): boolean {
  return piece.equals(ZEROS.subarray(0, piece.length));
}

/** Throws unless a blob reads as the disk: what it has pages for is fetched and compared, and no data is elsewhere. */
export async function checkBlob(container: ContainerClient, name: string, input: Input): Promise<void> {
  const client = container.getPageBlobClient(name);
  const pages: Extent[] = [];
  for await (const { start, end, isClear } of client.listPageRanges())
    if (!isClear) pages.push([start, end + 1 - start]);
  const file = await open(input.flat);
  let found = 0;
  for (const [offset, length] of merged(pages, 0)) {
    for (let at = offset; at < Math.min(offset + length, input.size); at += PIECE) {
      const own = Buffer.alloc(Math.min(PIECE, offset + length - at, input.size - at));
      await file.read(own, 0, own.length, at);
      if (!(await client.downloadToBuffer(at, own.length)).equals(own))
        throw new Error(`${name} differs from ${input.name} near ${at}`);
      found += nonZeroIn(own);
    }
  }
  await file.close();
  if (found !== (await nonZeroBytes(input))) throw new Error(`${name} lacks data of ${input.name}`);
  const { contentLength } = await client.getProperties();
  if (contentLength !== input.size + SECTOR) throw new Error(`${name} has ${contentLength ?? 'no'} bytes`);
}
