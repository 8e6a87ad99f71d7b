import { spawnSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const isHere = spawnSync('qemu-img', ['--version']).status === 0;

/** The reason to skip tests that need qemu-img, or false. */
export const withoutQemuImg = !isHere && 'qemu-img is not installed';

/**
 * Runs qemu-img in the folder of the images, because it looks for data files in the working directory.
 * Throws with its words if it fails.
 */
export function qemuImg(folder: string, ...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('qemu-img', words, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`qemu-img ${words.join(' ')}: ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** Returns what qemu-img reads of a disk; further words choose a snapshot. */
export async function readByQemu(
  folder: string,
  { name, format }: { name: string; format: string },
  ...words: readonly string[]
): Promise<Buffer> {
  const flat = join(folder, 'flat.raw');
  qemuImg(folder, 'convert', '-f', format, ...words, '-O', 'raw', name, flat);
  const content = await readFile(flat);
  await rm(flat);
  return content;
}
