import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LeafFileWriter, deleteLeafFile, openLeafFile, type LeafFile } from './leaf-file.js';
import { readRecord, writeRecord, type RecordKind } from './record-file.js';
import { userFolder } from './user-folders.js';

/** So many bytes of records are kept; the longest unused go first. */
const MAX_BYTES = 1024 ** 3;
/** The names of this cache's files: what else is in the folder is somebody's. */
const RECORD = /^[0-9a-f]{32}\.(leaves|md5\.json)$/;
/** Those that are being written. */
const FRESH = /^[0-9a-f]{32}\.md5\.json\.[0-9a-f]+$|^[0-9a-f-]{36}\.fresh$/;
/** What crashed processes left is deleted after so long, in milliseconds. */
const STALE_MS = 24 * 60 * 60 * 1000;

/** Where digests are kept: `VHDUP_CACHE_DIR`, else the user's cache folder. It may be deleted at any time. Throws `usage` if there is none. */
export function defaultCacheFolder(): string {
  return userFolder('cache');
}

/**
 * Files that changed so shortly before they were opened are not remembered: a write right afterwards could leave them with
 * the same times. The coarsest clocks of file systems count in two seconds; but what is written to a file that is mapped
 * into memory changes its times only when it goes to the disk, for which Linux takes half a minute.
 */
const YOUNG_MS = 60_000;

/** A digest in hexadecimal. */
const MD5: RecordKind<{ readonly md5: string }> = {
  name: 'md5',
  parse: (value) => {
    const md5 = typeof value === 'object' && value !== null && 'md5' in value ? value.md5 : undefined;
    return typeof md5 === 'string' && /^[0-9a-f]{32}$/.test(md5) ? { md5 } : undefined;
  },
};

/** What a file's times were, in nanoseconds since the epoch, and when that was seen, in milliseconds. */
interface Seen {
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly seenMs: number;
}

/**
 * Digests that were computed on this machine, under keys that say of what: the same key only for the same bytes. A
 * record that is damaged counts as none; that one cannot be kept is no failure.
 */
export class DigestCache {
  readonly #folder: string;
  readonly #youngMs: number;

  constructor(folder: string, youngMs = YOUNG_MS) {
    this.#folder = folder;
    this.#youngMs = youngMs;
  }

  /** Whether what was read of these files since then may be remembered by their times. */
  trusts(files: readonly Seen[]): boolean {
    return files.every(({ mtimeNs, ctimeNs, seenMs }) => {
      const before = BigInt(seenMs - this.#youngMs) * 1_000_000n;
      return mtimeNs < before && ctimeNs < before;
    });
  }

  async md5(key: string): Promise<Buffer | undefined> {
    const record = await readRecord(MD5, this.#folder, key);
    return record && Buffer.from(record.md5, 'hex');
  }

  async keepMd5(key: string, digest: Buffer): Promise<void> {
    await writeRecord(MD5, this.#folder, key, { md5: digest.toString('hex') }).catch(() => undefined);
  }

  /** The leaves that were kept, unchecked. */
  leaves(key: string): Promise<LeafFile | undefined> {
    return openLeafFile(this.#folder, key);
  }

  /** Begins to keep leaves; `undefined` where the folder cannot be written. */
  keepLeaves(): Promise<LeafFileWriter | undefined> {
    return LeafFileWriter.create(this.#folder).catch(() => undefined);
  }

  forgetLeaves(key: string): Promise<void> {
    return deleteLeafFile(this.#folder, key);
  }

  /** Deletes the longest unused records where there are too many. Never throws. */
  async trim(maxBytes = MAX_BYTES): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    const files = (
      await Promise.all(
        names
          .filter((name) => RECORD.test(name) || FRESH.test(name))
          .map(async (name) => {
            const path = join(this.#folder, name);
            const found = await lstat(path).catch(() => undefined);
            return found && { path, isFresh: FRESH.test(name), size: found.size, usedMs: found.mtimeMs };
          }),
      )
    )
      .filter((file) => file !== undefined)
      .sort((a, b) => b.usedMs - a.usedMs);
    let kept = 0;
    for (const { path, isFresh, size, usedMs } of files) {
      kept += size;
      if (isFresh ? Date.now() - usedMs > STALE_MS : kept > maxBytes)
        await rm(path, { force: true }).catch(() => undefined);
    }
  }
}
