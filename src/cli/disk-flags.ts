import { statSync } from 'node:fs';
import type { ChainOptions } from '../disk/chain.js';
import { VhdupError } from '../errors.js';
import type { AlignFlag, ImageFlags, ParentFlags } from './definition/shared-flags.js';

/** Returns the library's options for opening a disk. Throws `usage` if a folder to look in is not there. */
export function openOptions({ parentDir, followAbsoluteParents, ignoreChecksum }: ParentFlags): {
  parentDirs: readonly string[];
  followAbsoluteParents: boolean;
  ignoreChecksum: boolean;
} {
  for (const folder of parentDir) {
    if (!isFolder(folder)) throw new VhdupError('usage', `--parent-dir: "${folder}" is not a folder`);
  }
  return { parentDirs: parentDir, followAbsoluteParents, ignoreChecksum };
}

/**
 * Returns the library's options for opening a disk of any format; `align` is absent for commands to which the end of a disk does not
 * matter. Throws `usage` if a folder to look in is not there.
 */
export function imageOptions(flags: ImageFlags & Partial<AlignFlag>): ChainOptions {
  const { format, snapshot, align } = flags;
  return { ...openOptions(flags), format, snapshot, align };
}

/** Throws `usage` for `-`: the commands need a file, and do not read or write streams. `use`: what the command does with it. */
export function requireFile(path: string, use: 'reads' | 'writes'): void {
  if (path === '-')
    throw new VhdupError(
      'usage',
      `"-" is not a file: vhdup ${use} files only, not ${use === 'reads' ? 'stdin' : 'stdout'}`,
      {
        hint: 'a file of this name is ./-',
      },
    );
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
