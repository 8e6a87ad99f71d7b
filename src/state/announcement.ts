import { randomBytes } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { lstat, mkdir, open, rmdir, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { VhdupError } from '../errors.js';
import { openRegular } from './regular-file.js';
import { judgeOwner, parseOwner, thisOwner, type Owner, type OwnerStatus } from './owner.js';
import { hasErrorCode } from './system-error.js';

const TOKEN_BYTES = 8;
/** The name of an announcement, or of the mark of a holder beside it. Any other file in a lock folder is ignored. */
const NAME = /^([0-9a-f]{16})(\.held)?$/;
/** The most bytes of an announcement. */
const MAX_BYTES = 4096;

/** The tokens of the announcements that this process has not withdrawn. */
const ownTokens = new Set<string>();

/** Parses the name of a file in a lock folder; returns `undefined` for any other name. */
export function parseLockFileName(name: string): { readonly token: string; readonly isHeld: boolean } | undefined {
  const [, token, held] = NAME.exec(name) ?? [];
  return token === undefined ? undefined : { token, isHeld: held !== undefined };
}

/** Like `judgeOwner`, for work under the announcement `token`. Work of this process is `gone` once its announcement is withdrawn. */
export function judgeWork(token: string, owner: Owner | undefined): OwnerStatus {
  if (owner?.token === thisOwner().token) return ownTokens.has(token) ? 'alive' : 'gone';
  return judgeOwner(owner);
}

/** The state of an announcement at the time when it was read. */
export interface AnnouncementState {
  /** The process that announces itself; `undefined` if the file is not written yet, damaged, or not readable. */
  readonly owner: Owner | undefined;
  /** Changes with each heartbeat. */
  readonly heartbeat: string;
}

/** Reads an announcement; returns `undefined` if it is not there, or not a regular file. */
export async function readAnnouncement(path: string): Promise<AnnouncementState | undefined> {
  // A network file system reads past its cache when a file is opened.
  const handle = await openRegular(path).catch(() => undefined);
  if (!handle) return announcementStateOf(await statIfThere(path), undefined);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
    return announcementStateOf(await handle.stat({ bigint: true }), buffer.subarray(0, bytesRead));
  } catch {
    return announcementStateOf(await statIfThere(path), undefined);
  } finally {
    await handle.close();
  }
}

/** Like `lstat`, but returns `undefined` if nothing is there. */
export async function statIfThere(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Removes an announcement and its mark. The announcement goes first: without it, its process does not hold the lock. */
export async function removeAnnouncement(folder: string, token: string): Promise<void> {
  for (const path of [join(folder, token), heldPath(folder, token)]) {
    await unlink(path).catch((error: unknown) => {
      if (!hasErrorCode(error, 'ENOENT')) throw error;
    });
  }
}

/**
 * An announcement of this process in a lock folder: a file with a unique name. It is written before the folder is listed, and
 * stays until it is withdrawn. Its times are the heartbeat.
 */
export class Announcement {
  readonly token = randomBytes(TOKEN_BYTES).toString('hex');
  readonly #folder: string;
  #file: FileHandle | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Writes the announcement, and renews it every `heartbeatMs`. Throws the system's error, and `output-unwritable` if `folder` is not a folder. */
  static async write(folder: string, heartbeatMs: number): Promise<Announcement> {
    const own = new Announcement(folder);
    ownTokens.add(own.token);
    try {
      const file = await own.#create();
      await file.writeFile(JSON.stringify(thisOwner()));
      await file.sync();
      own.#timer = setInterval(() => void own.#heartbeat(file), heartbeatMs).unref();
      return own;
    } catch (error) {
      await own.withdraw();
      throw error;
    }
  }

  async #create(): Promise<FileHandle> {
    for (;;) {
      await makeFolder(this.#folder);
      try {
        return (this.#file = await open(join(this.#folder, this.token), 'wx'));
      } catch (error) {
        // Another process has just released the lock and removed the folder.
        if (!hasErrorCode(error, 'ENOENT')) throw error;
      }
    }
  }

  async #heartbeat(file: FileHandle): Promise<void> {
    const now = new Date();
    await file.utimes(now, now).catch(() => undefined);
  }

  /** Marks this process as the holder. Returns false if another process has removed the announcement meanwhile: then the lock is not held. */
  async markHeld(): Promise<boolean> {
    try {
      await (await open(heldPath(this.#folder, this.token), 'wx')).close();
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) return false;
      throw error;
    }
    return this.isHeld();
  }

  /** Returns true if the announcement and its mark are still there. */
  async isHeld(): Promise<boolean> {
    return (
      (await isRegularFile(join(this.#folder, this.token))) && (await isRegularFile(heldPath(this.#folder, this.token)))
    );
  }

  /** Removes the announcement, and the folder if it is empty then. Never throws. */
  async withdraw(): Promise<void> {
    clearInterval(this.#timer);
    await this.#file?.close().catch(() => undefined);
    ownTokens.delete(this.token);
    await removeAnnouncement(this.#folder, this.token).catch(() => undefined);
    await rmdir(this.#folder).catch(() => undefined);
  }
}

function heldPath(folder: string, token: string): string {
  return join(folder, `${token}.held`);
}

async function isRegularFile(path: string): Promise<boolean> {
  try {
    await (await openRegular(path)).close();
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT') || !(await statIfThere(path))?.isFile()) return false;
    throw error;
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (!hasErrorCode(error, 'EEXIST')) throw error;
    const found = await statIfThere(path);
    if (found && !found.isDirectory())
      throw new VhdupError(
        'output-unwritable',
        `${path}: this is not the folder of a lock, but a ${found.isSymbolicLink() ? 'symbolic link' : 'file of another kind'}`,
        { hint: 'remove it, if it is not needed' },
      );
  }
}

function announcementStateOf(
  found: BigIntStats | undefined,
  bytes: Uint8Array | undefined,
): AnnouncementState | undefined {
  if (!found?.isFile()) return undefined;
  return { owner: bytes && ownerIn(bytes), heartbeat: `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}` };
}

function ownerIn(bytes: Uint8Array): Owner | undefined {
  try {
    return parseOwner(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    return undefined;
  }
}
