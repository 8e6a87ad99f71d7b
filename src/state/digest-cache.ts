import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LeafFileWriter, deleteLeafFile, findLeafFile, openLeafFile, type LeafFile } from './leaf-file.js';
import { readRecord, writeRecord, type RecordKind } from './record-file.js';

/** The most bytes of records. Beyond that, the least recently used ones are deleted. */
const MAX_BYTES = 1024 ** 3;
/** The names of this cache's files. Other files in the folder are left alone. */
const RECORD = /^[0-9a-f]{32}\.(leaves|md5\.json)$/;
/** The names of files that are being written. */
const UNFINISHED = /^[0-9a-f]{32}\.md5\.json\.[0-9a-f]+$|^[0-9a-f-]{36}\.fresh$/;
/** The age at which unfinished files of crashed processes are deleted, in milliseconds. */
const STALE_MS = 24 * 60 * 60 * 1000;

/**
 * Digests of files that changed less than this before they were opened are not kept, in milliseconds: a later write could leave the
 * same times. The coarsest clocks of file systems count in two seconds. A write to a file that is mapped into memory changes its
 * times only when the page is written to the disk; Linux takes half a minute for that.
 */
const MIN_AGE_MS = 60_000;

/** The record of an MD5 digest, in hexadecimal. */
const MD5: RecordKind<{ readonly md5: string }> = {
  name: 'md5',
  parse: (value) => {
    const md5 = typeof value === 'object' && value !== null && 'md5' in value ? value.md5 : undefined;
    return typeof md5 === 'string' && /^[0-9a-f]{32}$/.test(md5) ? { md5 } : undefined;
  },
};

/** A file's times in nanoseconds since the epoch, and the time when they were read, in milliseconds. */
interface FileTimes {
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly seenMs: number;
}

/**
 * Digests that were computed on this machine. Each key identifies the bytes of a digest: equal keys, equal bytes. A damaged record
 * counts as missing. Nothing fails if the folder cannot be written.
 */
export class DigestCache {
  readonly #folder: string;
  readonly #minAgeMs: number;

  constructor(folder: string, youngMs = MIN_AGE_MS) {
    this.#folder = folder;
    this.#minAgeMs = youngMs;
  }

  /** Returns true if these files have been unchanged for long enough that a later change will show in their times. */
  canRemember(files: readonly FileTimes[]): boolean {
    return files.every(({ mtimeNs, ctimeNs, seenMs }) => {
      const before = BigInt(seenMs - this.#minAgeMs) * 1_000_000n;
      return mtimeNs < before && ctimeNs < before;
    });
  }

  /** Returns the MD5 digest for a key; `undefined` if there is none. */
  async readMd5(key: string): Promise<Buffer | undefined> {
    const record = await readRecord(MD5, this.#folder, key);
    return record && Buffer.from(record.md5, 'hex');
  }

  /** Keeps an MD5 digest. Never throws. */
  async writeMd5(key: string, digest: Buffer): Promise<void> {
    await writeRecord(MD5, this.#folder, key, { md5: digest.toString('hex') }).catch(() => undefined);
  }

  /** Returns the leaves for a key, unchecked: see `LeafFile`. `undefined` if there are none. */
  openLeaves(key: string): Promise<LeafFile | undefined> {
    return openLeafFile(this.#folder, key);
  }

  /** Returns the leaves of any disk with this tree digest, unchecked: see `LeafFile`. `undefined` if there are none. */
  findLeaves(digest: Uint8Array): Promise<LeafFile | undefined> {
    return findLeafFile(this.#folder, digest);
  }

  /** Begins a file of leaves. Returns `undefined` if the folder cannot be written. */
  createLeaves(): Promise<LeafFileWriter | undefined> {
    return LeafFileWriter.create(this.#folder).catch(() => undefined);
  }

  /** Deletes the leaves for a key. Never throws. */
  deleteLeaves(key: string): Promise<void> {
    return deleteLeafFile(this.#folder, key);
  }

  /** Deletes the least recently used records if there are more than `maxBytes` of them. Never throws. */
  async trim(maxBytes = MAX_BYTES): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    const files = (
      await Promise.all(
        names
          .filter((name) => RECORD.test(name) || UNFINISHED.test(name))
          .map(async (name) => {
            const path = join(this.#folder, name);
            const found = await lstat(path).catch(() => undefined);
            return found && { path, isFresh: UNFINISHED.test(name), size: found.size, usedMs: found.mtimeMs };
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
