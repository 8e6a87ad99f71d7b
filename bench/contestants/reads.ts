import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Bench } from '../bench.js';
import { measure, type Run } from '../measure.js';

const run = promisify(execFile);

/** Reads files whole, in order. */
export function readFiles({ programs }: Bench, files: readonly string[]): Promise<Run> {
  return measure(process.execPath, [programs.reads, 'read', ...files]);
}

/** The MD5 of a file by `node:crypto`. */
export function md5OfFile({ programs }: Bench, file: string): Promise<Run> {
  return measure(process.execPath, [programs.reads, 'md5', file]);
}

/** Drops the pages of files from the page cache; false where some are still there, or nobody can tell. */
export async function dropFromCache(files: readonly string[]): Promise<boolean> {
  for (const file of files)
    await run('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
  const counted = await run('fincore', ['--bytes', '--noheadings', '--output', 'RES', ...files]).catch(() => undefined);
  return (
    counted !== undefined &&
    counted.stdout
      .trim()
      .split(/\s+/)
      .every((bytes) => Number(bytes) === 0)
  );
}
