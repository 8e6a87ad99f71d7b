import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { VhdupError } from '../errors.js';

/** `state`: this machine's records of leases, seals and finished pulls; `cache`: digests, which may be deleted at any time. */
export type UserFolder = 'state' | 'cache';

/** For each folder, the variable that names it, and its default: a path below the home folder, or below a folder that a variable of the system names. */
const FOLDERS = {
  state: {
    variable: 'VHDUP_STATE_DIR',
    linux: ['XDG_DATA_HOME', '.local/share/vhdup'],
    darwin: 'Library/Application Support/vhdup',
    win32: 'vhdup/Data',
  },
  cache: {
    variable: 'VHDUP_CACHE_DIR',
    linux: ['XDG_CACHE_HOME', '.cache/vhdup'],
    darwin: 'Library/Caches/vhdup',
    win32: 'vhdup/Cache',
  },
} as const;

/**
 * Returns the user's folder for files of this kind: the one that the environment names, else the platform's default. Throws
 * `usage` if the environment names none and the user has no home folder.
 */
export function userFolder(
  kind: UserFolder,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const {
    variable,
    linux: [xdg, below],
    darwin,
    win32,
  } = FOLDERS[kind];
  const named = environment[variable];
  if (named) return named;
  if (process.platform === 'win32')
    return join(absolute(environment['LOCALAPPDATA']) ?? join(home(variable), 'AppData', 'Local'), win32);
  if (process.platform === 'darwin') return join(home(variable), darwin);
  const base = absolute(environment[xdg]);
  return base === undefined ? join(home(variable), below) : join(base, 'vhdup');
}

/** Returns the folder for this machine's records: `VHDUP_STATE_DIR`, else the user's data folder. Throws `usage` if there is none. */
export function defaultStateFolder(): string {
  return userFolder('state');
}

/** Returns `defaultStateFolder()`; `undefined` if there is none. For work that can do without records. */
export function stateFolderIfAny(): string | undefined {
  try {
    return defaultStateFolder();
  } catch {
    return undefined;
  }
}

/** Returns the folder for digests: `VHDUP_CACHE_DIR`, else the user's cache folder. It may be deleted at any time. Throws `usage` if there is none. */
export function defaultCacheFolder(): string {
  return userFolder('cache');
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

/** Returns the user's home folder. Throws `usage` for a user that the system does not know (any id in a container), and if HOME is not an absolute path. */
function home(variable: string): string {
  let folder: string | undefined;
  try {
    folder = homedir();
  } catch {
    // HOME is not set, and the system does not know the user.
  }
  if (folder !== undefined && isAbsolute(folder)) return folder;
  throw new VhdupError(
    'usage',
    `there is no home folder for the files of this user: ${folder === undefined ? 'HOME is not set' : `HOME is "${folder}"`}`,
    {
      hint: `set ${variable}, or HOME, to a folder that this user can write to`,
    },
  );
}
