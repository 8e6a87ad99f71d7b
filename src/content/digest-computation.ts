import type { Disk } from '../disk/disk.js';
import type { Phase } from '../session/events.js';
import type { LeafRun } from '../digest/tree.js';
import type { KnownLeaves } from './known-leaves.js';
import type { Hashing } from '../digest/hashing.js';
import type { RangeSet } from '../bytes/range.js';
import type { Consumer } from './scan.js';

/** The form of a blob: what follows the disk's content there. */
export interface BlobForm {
  /** Bytes of zeros behind the content, as some older tools wrote them. */
  readonly padding: number;
  /** The bytes at the end. */
  readonly footer: Uint8Array;
}

/** The digests to compute. */
export interface DigestRequest {
  /** The MD5 of the content in this form of a blob. */
  readonly md5?: BlobForm | undefined;
  /** The tree digest of the content. Default false. */
  readonly tree?: boolean | undefined;
}

/** The digests that were requested; the others are `undefined`. */
export interface Digests {
  /** 16 bytes. */
  readonly md5: Buffer | undefined;
  /** 32 bytes, see `docs/DIGEST.md`. */
  readonly tree: Buffer | undefined;
  /** The leaves that give `tree`, if they were to be kept. They can be read until the session ends. */
  readonly leaves?: LeafSource | undefined;
}

/** The leaves of a disk. They are those of its tree digest. */
export interface LeafSource {
  /** Bytes of the disk. */
  readonly size: number;
  /** Yields the leaves in ascending order, as often as it is called. Leaves that are left out are zero. */
  runs(): AsyncIterable<LeafRun>;
}

/** The content that digests are computed from: a disk, or what can be read like one. */
export type Content = Pick<Disk, 'size' | 'read' | 'extentBatches'>;

/** What makes a computation cheaper, and how it reports. */
export interface DigestHints {
  /** The phase of its progress events. */
  readonly phase: Phase;
  /**
   * True if most of the content is also sent. That takes longer than hashing, so one thread is enough for the leaves.
   * Default false.
   */
  readonly isSent?: boolean | undefined;
  /** Leaves that need not be computed. */
  readonly known?: KnownLeaves | undefined;
  /** Called with the leaves as they become known, in order. */
  readonly keep?: ((run: LeafRun) => Promise<void>) | undefined;
}

/**
 * Digests that are computed during a scan of the content, which may serve other consumers too. Call `close` in the end.
 */
export interface DigestComputation {
  /** The consumers of the scan. None if all digests are known. */
  readonly consumers: readonly Consumer[];
  /** Returns the digests. Call it when the scan has ended. */
  finish(): Promise<Digests>;
  /** Releases threads and files, also in the middle of a scan. Never throws. */
  close(): Promise<void>;
}

/** What every consumer that computes a digest needs. */
export interface DigestInput {
  /** Bytes of the content. */
  readonly size: number;
  /** The ranges in which the disk stores bytes. The rest is zero. */
  readonly data: RangeSet;
  readonly hashing: Hashing;
  /** Called with the bytes that are done. It may throw, to stop. */
  readonly onProgress: (done: number) => void;
}

/** Digests that need no computation. */
export class KnownDigests implements DigestComputation {
  readonly consumers = [];
  readonly #digests: Digests;

  constructor(digests: Digests) {
    this.#digests = digests;
  }

  finish(): Promise<Digests> {
    return Promise.resolve(this.#digests);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
