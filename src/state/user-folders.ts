import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { VhdupError } from '../errors.js';

/** `state`: what this machine knows of leases and seals; `cache`: digests, which may be deleted at any time. */
export type UserFolder = 'state' | 'cache';

/** The variable that names a folder, and where it is without: by platform below the home folder, or by a variable of the system. */
const FOLDERS = {
  state: { variable: 'VHDUP_STATE_DIR', linux: ['XDG_DATA_HOME', '.local/share/vhdup'], darwin: 'Library/Application Support/vhdup', win32: 'vhdup/Data' },
  cache: { variable: 'VHDUP_CACHE_DIR', linux: ['XDG_CACHE_HOME', '.cache/vhdup'], darwin: 'Library/Caches/vhdup', win32: 'vhdup/Cache' },
} as const;

/**
 * The folder of the user for files of this kind: as the environment names it, else where the platform keeps such files.
 * Throws `usage` where it names none and the user has no home folder: a folder in the working folder would be found by
 * nobody again.
 */
export function userFolder(kind: UserFolder, environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const { variable, linux: [xdg, below], darwin, win32 } = FOLDERS[kind];
  const named = environment[variable];
  if (named) return named;
  if (process.platform === 'win32') return join(absolute(environment['LOCALAPPDATA']) ?? join(home(variable), 'AppData', 'Local'), win32);
  if (process.platform === 'darwin') return join(home(variable), darwin);
  const base = absolute(environment[xdg]);
  return base === undefined ? join(home(variable), below) : join(base, 'vhdup');
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

/** Throws `usage` for a user of whom the system knows nothing, as in a container under any number, and for one with an empty HOME. */
function home(variable: string): string {
  let folder: string | undefined;
  try {
    folder = homedir();
  } catch {
    // Neither HOME is set, nor has the system such a user.
  }
  if (folder !== undefined && isAbsolute(folder)) return folder;
  throw new VhdupError('usage', `there is no home folder for the files of this user: ${folder === undefined ? 'HOME is not set' : `HOME is "${folder}"`}`, {
    hint: `set ${variable}, or HOME, to a folder that this user can write to`,
  });
}
