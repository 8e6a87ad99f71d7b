import { execFile } from 'node:child_process';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeImage, type ParentSpec, type Write } from '../../fixtures/vhd.js';
import { extentsOf, KIB, MIB, totalOf, writeInto, type ChildInput, type Input } from './input.js';
import { noise, Random } from './random.js';

/** What the installation of some packages changes: runs of 4 KiB to 2 MiB, most of them short, 60 MiB in all. */
export async function installed(folder: string, root: Input): Promise<ChildInput> {
  const random = new Random(3);
  const writes: Write[] = [];
  for (let bytes = 0; bytes < 60 * MIB;) {
    const length = 4 * KIB * Math.floor(512 ** (random.next() ** 8));
    writes.push({ offset: random.upTo(root.size - length, 4 * KIB), data: noise(random, length) });
    bytes += length;
  }
  return child('installed packages', join(folder, 'installed.vhd'), root, writes);
}

/** 1,000 changes of 4 to 64 KiB. */
export function touched(folder: string, parent: Input): Promise<ChildInput> {
  const random = new Random(4);
  const writes = Array.from({ length: 1000 }, () => {
    const length = 4 * KIB * (1 + random.upTo(16));
    return { offset: random.upTo(parent.size - length, 4 * KIB), data: noise(random, length) };
  });
  return child('1,000 changes of 4 to 64 KiB', join(folder, 'touched.vhd'), parent, writes);
}

async function child(
  name: string,
  path: string,
  { path: parentPath, size, flat: below }: Input,
  writes: readonly Write[],
): Promise<ChildInput> {
  const parent = await parentOf(parentPath);
  await writeImage({ path, type: 'differencing', size, parent, writes });
  const flat = `${path}.flat`;
  await promisify(execFile)('cp', ['--sparse=always', below, flat]);
  await writeInto(flat, writes);
  return { name, path, size, flat, data: [[0, size]], parent, changed: extentsOf(writes) };
}

/** Bytes of the disk that a child changes. */
export function changedBytes({ changed }: ChildInput): number {
  return totalOf(changed);
}

/** What a child has to name of its parent: unique id and time stamp of the footer. */
async function parentOf(path: string): Promise<ParentSpec> {
  const file = await open(path);
  const footer = Buffer.alloc(512);
  await file.read(footer, 0, 512, (await stat(path)).size - 512);
  await file.close();
  const id = footer.toString('hex', 68, 84).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return { path, id, timeStamp: footer.readUInt32BE(24) };
}
