import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, basename } from 'node:path';
import { promisify } from 'node:util';
import { MIB } from './input.js';
import type { RootChange } from './root-tree.js';

const run = promisify(execFile);
/** When all these file systems were made. */
const SECONDS = 1_767_225_600;
const AS_DEBUGFS_READS_IT = '20260101000000';

/** What `mke2fs` would otherwise choose at random. */
export interface Ext4Ids {
  readonly uuid: string;
  readonly hashSeed: string;
}

/** Builds a file system from a folder, from scratch. The same folder and ids give the same bytes. */
export async function buildExt4(
  folder: string,
  path: string,
  size: number,
  { uuid, hashSeed }: Ext4Ids,
): Promise<void> {
  const ids = ['-U', uuid, '-E', `hash_seed=${hashSeed},root_owner=0:0`];
  const env = { ...process.env, E2FSPROGS_FAKE_TIME: String(SECONDS) };
  await run('mke2fs', ['-q', '-F', '-t', 'ext4', ...ids, '-d', folder, path, `${size / MIB}M`], { env });
}

/**
 * Changes a file system where it is. As package managers do it: a new file is written, then takes the place of the old
 * one, whose blocks are free only then. Throws if `debugfs` complains, because it returns 0 even then.
 */
export async function changeExt4(path: string, { folders, files }: RootChange, isThere: boolean): Promise<void> {
  const commands = [`set_current_time ${AS_DEBUGFS_READS_IT}`];
  for (const folder of folders) commands.push(`mkdir ${folder}`);
  let current = '';
  for (const { path: file, source } of files) {
    const name = basename(file);
    if (dirname(file) !== current) commands.push(`cd ${(current = dirname(file))}`);
    if (!isThere) commands.push(`write ${source} ${name}`);
    else commands.push(`write ${source} ${name}.new`, `rm ${name}`, `ln ${name}.new ${name}`, `unlink ${name}.new`);
  }
  const script = `${path}.debugfs`;
  await writeFile(script, commands.map((command) => `${command}\n`).join(''));
  const { stderr } = await run('debugfs', ['-w', '-f', script, path], { maxBuffer: 256 * MIB });
  const problems = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('debugfs 1.'));
  if (problems[0] !== undefined) throw new Error(`debugfs: ${problems.slice(0, 3).join('; ')}`);
}
