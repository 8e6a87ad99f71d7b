import type { BigIntStats } from 'node:fs';
import { lstat, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { VhdupError } from '../errors.js';
import { unwritable } from '../disk/output-file.js';
import type { Lock } from '../state/lock.js';
import type { PullParent } from './parent.js';

/** Where the output is made, and how it gets its name. */
export class PullOutput {
  readonly path: string;
  readonly #overwrite: boolean;

  constructor(path: string, overwrite: boolean) {
    this.path = path;
    this.#overwrite = overwrite;
  }

  get recordPath(): string {
    return `${this.path}.vhdup-record`;
  }

  get lockPath(): string {
    return `${this.path}.vhdup-lock`;
  }

  /**
   * Path of the part file, for the holder of the lock with this token. It is beside the output, so that it can be renamed, and
   * relative paths to a parent stay right. Each holder has a name of its own: a process that lost the lock finds its file gone.
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

  /** Throws `usage` where the path can be no output, whatever the flags. */
  async checkPlace(parent: PullParent | undefined): Promise<void> {
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
        throw new VhdupError('usage', `${this.path}: it is a part of the chain that --onto names`, {
          hint: 'give the output another name',
        });
    }
  }

  /** Throws `destination-exists` where a file is there that may not be replaced. */
  async checkFree(): Promise<void> {
    if (this.#overwrite || !(await lstat(this.path).catch(() => undefined))) return;
    throw new VhdupError('destination-exists', `${this.path}: a file is there already`, {
      hint: 'choose another name, or replace it with --overwrite',
    });
  }

  /** What tells the part file under any name: a rename changes none of it. */
  async identityOf(path: string): Promise<string | undefined> {
    const found = await lstat(path, { bigint: true }).catch(() => undefined);
    return found?.isFile() ? identityIn(found) : undefined;
  }

  /** Returns a stamp that changes whenever the file at `path` does, because no program can set a ctime back. `undefined` if there is no regular file. */
  async stampOf(path: string): Promise<string | undefined> {
    const found = await lstat(path, { bigint: true }).catch(() => undefined);
    return found?.isFile() ? stampIn(found) : undefined;
  }

  /**
   * Removes what earlier runs have left beside the output, except the file `kept`: part files, half-written records, and files
   * of older versions. So a process that lost the lock can no longer publish.
   */
  async sweep(kept: string): Promise<void> {
    const folder = dirname(this.path);
    try {
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (!this.#isRemains(entry.name) || entry.isDirectory() || entry.name === basename(kept)) continue;
        await unlink(path).catch((error: unknown) => {
          if (!isMissing(error)) throw error;
        });
      }
    } catch (error) {
      throw unwritable(this.path, 'remove what an earlier pull has left beside it', error);
    }
  }

  #isRemains(name: string): boolean {
    const record = basename(this.recordPath);
    const isHalfRecord = name.startsWith(`${record}-`) && TOKEN.test(name.slice(record.length + 1));
    return (
      isHalfRecord ||
      this.tokenOf(name) !== undefined ||
      name === `${record}.new` ||
      name === `${basename(this.path)}.vhdup-part`
    );
  }

  /** Gives the finished part file its name, if the lock is still held. */
  async publish(part: string, lock: Lock): Promise<void> {
    await this.checkFree();
    await lock.check();
    try {
      await rename(part, this.path);
    } catch (error) {
      // Another process that took the lock over has removed this part file.
      if (isMissing(error)) await lock.check();
      throw unwritable(this.path, 'give the finished file its name', error);
    }
    await syncFolder(dirname(this.path));
  }

  /** Removes the record. */
  async forget(): Promise<void> {
    try {
      await rm(this.recordPath, { force: true });
    } catch (error) {
      throw unwritable(this.recordPath, 'remove it', error);
    }
  }
}

/** Identifies a file and its content; a rename changes none of it. */
export function identityIn({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${mtimeNs}`;
}

/** Returns the identity with the time of change: see `PullOutput.stampOf`. */
export function stampIn(file: BigIntStats): string {
  return `${identityIn(file)} ${file.ctimeNs}`;
}

/** The token of a lock's holder. */
const TOKEN = /^[0-9a-f]{16}$/;

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** Makes a rename durable, where the system lets a folder be opened. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
