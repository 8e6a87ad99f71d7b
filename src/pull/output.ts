import type { BigIntStats } from 'node:fs';
import { lstat, open, readdir, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { VhdupError } from '../errors.js';
import { unwritable } from '../disk/output-file.js';
import type { Lock } from '../state/lock.js';
import type { PullParent } from './parent.js';
import { option } from '../option-names.js';
import { replaceFile, type RenameSystem } from '../state/replace-file.js';
import { hasErrorCode } from '../state/system-error.js';

/** The path of a pull's output, and of the files beside it. */
export class PullOutput {
  readonly path: string;
  readonly #overwrite: boolean;

  constructor(path: string, overwrite: boolean) {
    this.path = path;
    this.#overwrite = overwrite;
  }

  /** The record of the part file, by which the same command resumes. */
  get recordPath(): string {
    return `${this.path}.vhdup-record`;
  }

  /** The lock that a pull to this output holds. */
  get lockPath(): string {
    return `${this.path}.vhdup-lock`;
  }

  /**
   * Returns the path of the part file for the holder of the lock with this token. It is beside the output, so that it can be renamed
   * and relative paths to a parent stay valid. Each holder has another name, so a process that has lost the lock finds its file gone.
   */
  partPath(token: string): string {
    return `${this.path}.vhdup-part-${token}`;
  }

  /** Returns the token in the file name of a part file; `undefined` for any other name. */
  tokenOf(part: string): string | undefined {
    const prefix = basename(this.partPath(''));
    const token = part.slice(prefix.length);
    return part.startsWith(prefix) && TOKEN.test(token) ? token : undefined;
  }

  /** Throws `usage` if the path cannot be an output: a folder, a device, or a layer of the parent. */
  async checkPath(parent: PullParent | undefined): Promise<void> {
    const there = await lstat(this.path).catch(() => undefined);
    if (there?.isDirectory() || /[/\\]$/.test(this.path))
      throw new VhdupError('usage', `${this.path}: is a folder`, { hint: 'name the file to write' });
    const target = await stat(this.path, { bigint: true }).catch(() => undefined);
    if (target && !target.isFile())
      throw new VhdupError('usage', `${this.path}: is not a regular file`, {
        hint: 'pull to a file, then copy it to the device',
      });
    for (const { path } of parent?.disk.layers ?? []) {
      const layer = await stat(path, { bigint: true });
      if (target?.dev === layer.dev && target.ino === layer.ino)
        throw new VhdupError('usage', `${this.path}: it is a part of the chain that ${option('onto')} names`, {
          hint: 'give the output another name',
        });
    }
  }

  /** Throws `destination-exists` if there is a file that must not be replaced. */
  async checkFree(): Promise<void> {
    if (this.#overwrite || !(await lstat(this.path).catch(() => undefined))) return;
    throw new VhdupError('destination-exists', `${this.path}: a file is there already`, {
      hint: `choose another name, or replace it with ${option('overwrite')}`,
    });
  }

  /** Returns the identity of a file, which a rename does not change. `undefined` if there is no regular file. */
  async identityOf(path: string): Promise<string | undefined> {
    const found = await lstat(path, { bigint: true }).catch(() => undefined);
    return found?.isFile() ? identityIn(found) : undefined;
  }

  /** Returns a stamp that changes whenever the file does: no program can set a ctime back. `undefined` if there is no regular file. */
  async stampOf(path: string): Promise<string | undefined> {
    const found = await lstat(path, { bigint: true }).catch(() => undefined);
    return found?.isFile() ? stampIn(found) : undefined;
  }

  /**
   * Removes what earlier runs have left beside the output, except the file `kept`: part files, half-written records, and files of
   * older versions. So a process that has lost the lock can no longer publish. Throws `output-unwritable`.
   */
  async removeLeftovers(kept: string): Promise<void> {
    const folder = dirname(this.path);
    try {
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (!this.#isLeftover(entry.name) || entry.isDirectory() || entry.name === basename(kept)) continue;
        await unlink(path).catch((error: unknown) => {
          if (!hasErrorCode(error, 'ENOENT')) throw error;
        });
      }
    } catch (error) {
      throw unwritable(this.path, 'remove what an earlier pull left beside it', error);
    }
  }

  #isLeftover(name: string): boolean {
    const record = basename(this.recordPath);
    const isHalfRecord = name.startsWith(`${record}-`) && TOKEN.test(name.slice(record.length + 1));
    return (
      isHalfRecord ||
      this.tokenOf(name) !== undefined ||
      name === `${record}.new` ||
      name === `${basename(this.path)}.vhdup-part`
    );
  }

  /** Gives the finished part file its name, durably. Throws `destination-busy` if the lock is lost, `destination-exists`, `output-unwritable`. `system`: see `replaceFile`. */
  async publish(part: string, lock: Lock, system?: RenameSystem): Promise<void> {
    const check = async () => {
      await this.checkFree();
      await lock.check();
    };
    try {
      await replaceFile(part, this.path, { check, ...(system ? { system } : {}) });
    } catch (error) {
      if (error instanceof VhdupError) throw error;
      // Another process that took the lock over has removed this part file.
      if (hasErrorCode(error, 'ENOENT')) await lock.check();
      throw unwritable(this.path, 'give the finished file its name', error);
    }
    await syncFolder(dirname(this.path));
  }

  /** Deletes the record, if there is one. Throws `output-unwritable`. */
  async deleteRecord(): Promise<void> {
    try {
      await rm(this.recordPath, { force: true });
    } catch (error) {
      throw unwritable(this.recordPath, 'remove it', error);
    }
  }
}

/** Returns what identifies a file and its content; a rename does not change it. */
export function identityIn({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${mtimeNs}`;
}

/** Returns the identity with the time of change: see `PullOutput.stampOf`. */
export function stampIn(file: BigIntStats): string {
  return `${identityIn(file)} ${file.ctimeNs}`;
}

/** The token of a lock's holder. */
const TOKEN = /^[0-9a-f]{16}$/;

/** Makes a rename durable, if the system allows opening a folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
