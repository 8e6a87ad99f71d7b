import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../bench.js';
import type { Extent, Input } from '../inputs/input.js';
import { measure, type Run } from '../measure.js';
import type { FloorJob } from './floor-process.js';

/** As many as vhdup has at most by default, and more than the machine has cores. */
const CONCURRENCY = 16;
const MOST = 4 * 1024 * 1024;

/** Puts ranges of a disk's content with the smallest client that does it, into a blob that is made before the clock runs. */
export async function putFloor(
  { folder, programs }: Bench,
  { flat, size }: Input,
  ranges: readonly Extent[],
  uri: string,
  { md5 }: { readonly md5: boolean },
): Promise<Run> {
  const headers = {
    'x-ms-version': '2021-12-02',
    'x-ms-blob-type': 'PageBlob',
    'x-ms-blob-content-length': String(size + 512),
    'content-length': '0',
  };
  const { status } = await fetch(uri, { method: 'PUT', headers });
  if (status !== 201) throw new Error(`the floor's blob could not be made: ${status}`);
  const job: FloorJob = { file: flat, url: uri, ranges: ranges.flatMap(split), md5, concurrency: CONCURRENCY };
  const path = join(folder, 'floor.json');
  await writeFile(path, JSON.stringify(job));
  return measure(process.execPath, [programs.floor, path]);
}

function split([offset, length]: Extent): Extent[] {
  return Array.from(
    { length: Math.ceil(length / MOST) },
    (_, index) => [offset + index * MOST, Math.min(MOST, length - index * MOST)] as const,
  );
}
