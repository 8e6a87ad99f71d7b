import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../errors.js';
import { userFolder, type UserFolder } from '../state/user-folders.js';
import { hasErrorCode } from '../state/system-error.js';
import type { Check } from './check.js';

/** What is lost without each folder. The state is needed for pushes; digests are only faster. */
const WITHOUT = {
  state: {
    state: 'failed',
    code: 'output-unwritable',
    retryable: false,
    hint: 'choose a folder that you may write to: VHDUP_STATE_DIR',
  },
  cache: {
    state: 'warning',
    hint: 'digests are computed again each time; choose a folder that you may write to: VHDUP_CACHE_DIR',
  },
} as const;

/** Checks that a folder of this user can be written to, and that others cannot read it. A missing folder is created when it is needed. */
export async function folderCheck(
  kind: UserFolder,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Check> {
  const name = `${kind}-folder` as const;
  try {
    const path = userFolder(kind, environment);
    const found = await existing(path);
    await access(found, constants.W_OK | constants.X_OK);
    if (found !== path) return { name, state: 'ok', message: `${path} is created when it is needed` };
    const { mode } = await stat(path);
    return process.platform === 'win32' || (mode & 0o077) === 0
      ? { name, state: 'ok', message: path }
      : { name, state: 'warning', message: `${path} is open to other users`, hint: `chmod 700 '${path}'` };
  } catch (error) {
    return { name, message: messageOf(error), ...WITHOUT[kind] };
  }
}

/** Returns the folder, or if there is none, the nearest one above it. Throws the system's error if something else is there. */
async function existing(path: string): Promise<string> {
  try {
    if ((await stat(path)).isDirectory()) return path;
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error;
    const above = dirname(path);
    if (above === path) throw error;
    return await existing(above);
  }
  throw new Error(`${path}: this is not a folder`);
}
