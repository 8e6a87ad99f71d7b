import { statSync } from 'node:fs';
import { VhdupError } from '../errors.js';
import { checkOptions } from '../option-rules.js';
import { SESSION_RULES } from '../session/options.js';
import type { FormatName } from '../disk/registry.js';
import type { ArgumentsOf, CommandDefinition } from './definition/flag.js';
import type { ImageFlags, PaceFlags, ParentFlags } from './definition/shared-flags.js';
import { rate } from './units.js';

/** A command: its definition, and its work, which throws if it fails. */
export interface Command<Definition extends CommandDefinition> {
  readonly definition: Definition;
  readonly handler: (flags: ArgumentsOf<Definition>) => Promise<void>;
}

/** Returns the library's options for concurrency and rate. Throws `usage` if a value is wrong. */
export function paceOptions({ concurrency, limit: text }: PaceFlags): {
  concurrency: number | undefined;
  limit: number | undefined;
} {
  checkOptions({ concurrency }, { concurrency: SESSION_RULES.concurrency });
  const limit = text === undefined ? undefined : rate(text);
  if (text !== undefined && limit === undefined)
    throw new VhdupError(
      'usage',
      `--limit takes an amount with a unit, such as 50M or 400kB/s, of at least 1 KiB/s; not "${text}"`,
    );
  return { concurrency, limit };
}

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

/** Returns the library's options for opening a disk of any format. Throws `usage` if a folder to look in is not there. */
export function imageOptions(flags: ImageFlags): ReturnType<typeof openOptions> & { format: FormatName | undefined } {
  return { ...openOptions(flags), format: flags.format };
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
