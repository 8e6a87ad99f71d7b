import { execFile } from 'node:child_process';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GIB, MIB, type Input } from './input.js';

const run = promisify(execFile);
const SIZE = 2 * GIB;
const MOST = 768 * MIB;
const SOURCE = '/usr';

/**
 * An ext4 file system with real files, a part of /usr, as a dynamic VHD of `qemu-img`. Throws, in words for the table,
 * where this machine has not got what that takes.
 */
export async function rootFileSystem(folder: string): Promise<Input> {
  const path = join(folder, 'root.vhd');
  const flat = `${path}.flat`;
  const staged = join(folder, 'root');
  await mkdir(staged);
  let copied = 0;
  for (const part of await parts()) {
    const bytes = await sizeOf(part);
    if (copied + bytes > MOST) continue;
    // What may not be read is left out.
    await run('cp', ['-a', '--parents', part, staged]).catch(() => undefined);
    copied += bytes;
  }
  if (copied < MOST / 4) throw new Error(`${SOURCE} has only ${Math.round(copied / MIB)} MiB to copy`);
  await run('mke2fs', ['-q', '-t', 'ext4', '-d', staged, flat, `${SIZE / MIB}M`]);
  await rm(staged, { recursive: true });
  await run('qemu-img', ['convert', '-f', 'raw', '-O', 'vpc', '-o', 'subformat=dynamic,force_size=on', flat, path]);
  return {
    name: `2 GiB, ext4 with ${Math.round(copied / MIB)} MiB of files`,
    path,
    size: SIZE,
    flat,
    data: [[0, SIZE]],
  };
}

/** Folders of /usr and of those that are large enough to be taken in parts. */
async function parts(): Promise<string[]> {
  const found: string[] = [];
  for (const top of ['bin', 'sbin', 'include', 'lib', 'share']) {
    const folder = join(SOURCE, top);
    if (top !== 'lib' && top !== 'share') found.push(folder);
    else
      found.push(
        ...(await readdir(folder, { withFileTypes: true }).catch(() => []))
          .filter((entry) => entry.isDirectory())
          .map(({ name }) => join(folder, name)),
      );
  }
  return found;
}

async function sizeOf(folder: string): Promise<number> {
  const { stdout } = await run('du', ['-s', '--block-size=1', folder]).catch((error: { stdout: string }) => error);
  return Number.parseInt(stdout) || 0;
}
