import { lstat, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VhdupError } from '../errors.js';
import { unwritable } from '../disk/output-file.js';
import type { PullParent } from './parent.js';

/** Where the output is made, and how it gets its name. */
export class PullOutput {
  readonly path: string;
  readonly #overwrite: boolean;

  constructor(path: string, overwrite: boolean) {
    this.path = path;
    this.#overwrite = overwrite;
  }

  /** The file while it is made: beside the target, so that it can be renamed, and paths from it to a parent hold. */
  get partPath(): string {
    return `${this.path}.vhdup-part`;
  }

  get recordPath(): string {
    return `${this.path}.vhdup-record`;
  }

  get lockPath(): string {
    return `${this.path}.vhdup-lock`;
  }

  /** Throws `usage` where the path can be no output, whatever the flags. */
  async checkPlace(parent: PullParent | undefined): Promise<void> {
    const there = await lstat(this.path).catch(() => undefined);
    if (there?.isDirectory() || /[/\\]$/.test(this.path)) throw new VhdupError('usage', `${this.path}: is a folder`, { hint: 'name the file to write' });
    const target = await stat(this.path, { bigint: true }).catch(() => undefined);
    if (target && !target.isFile()) throw new VhdupError('usage', `${this.path}: is not a regular file`, { hint: 'pull to a file, then copy it to the device' });
    for (const { path } of parent?.disk.layers ?? []) {
      const layer = await stat(path, { bigint: true });
      if (target?.dev === layer.dev && target.ino === layer.ino) throw new VhdupError('usage', `${this.path}: it is a part of the chain that --onto names`, { hint: 'give the output another name' });
    }
  }

  /** Throws `destination-exists` where a file is there that may not be replaced. */
  async checkFree(): Promise<void> {
    if (this.#overwrite || !await lstat(this.path).catch(() => undefined)) return;
    throw new VhdupError('destination-exists', `${this.path}: a file is there already`, { hint: 'choose another name, or replace it with --overwrite' });
  }

  /** What tells the part file under any name: a rename changes none of it. */
  async identityOf(path: string): Promise<string | undefined> {
    const found = await lstat(path, { bigint: true }).catch(() => undefined);
    return found?.isFile() ? `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}` : undefined;
  }

  /** Gives the finished file its name. */
  async publish(): Promise<void> {
    await this.checkFree();
    try {
      await rename(this.partPath, this.path);
    } catch (error) {
      throw unwritable(this.path, 'give the finished file its name', error);
    }
    await syncFolder(dirname(this.path));
  }

  async forget(): Promise<void> {
    await rm(this.recordPath, { force: true });
  }
}

/** Makes a rename durable, where the system lets a folder be opened. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
