import type { ListedBlob } from '../azure/container.js';
import type { RangeCopy } from '../azure/copy-range.js';
import type { BlobLocation } from '../azure/location.js';
import type { Range, RangeSet } from '../bytes/range.js';
import type { LeafSource } from '../content/digest-computation.js';
import type { CopiedBlob } from '../protocol/copy-source.js';
import type { PushIdentity, PushRecord } from '../protocol/push-record.js';
import type { Seal, SealMode } from '../protocol/seal.js';
import type { Verdict } from '../protocol/verdict.js';

/** What a kind of destination can do. A push asks before it relies on one of these. */
export interface Capabilities {
  /** What the service can copy to it: a whole blob, ranges of one, or nothing. */
  readonly copy: 'blob' | 'ranges' | 'none';
  /** What keeps the push record: metadata or tags of the destination, or a journal beside it. */
  readonly record: 'metadata' | 'tags' | 'journal';
  /** Whether it keeps the MD5 of its content. */
  readonly contentMd5: boolean;
  /** Whether it can be kept from changing once it is complete. */
  readonly seal: boolean;
}

/** A destination as it was seen at one moment. It is valid only for the destination that returned it. */
export interface DestinationSnapshot {
  /** Bytes, the footer included. */
  readonly size: number;
  /** Changes with every write. */
  readonly etag: string;
  readonly contentMd5: Buffer | undefined;
  /** What it is, with its push record. */
  readonly verdict: Verdict;
  /** The service's last copy to it: a failed or aborted one has left nothing of use. */
  readonly copy: 'none' | 'pending' | 'success' | 'failed';
}

/** How a copy by the service has ended. */
export interface CopyEnd {
  /** Why it failed or was aborted, in words; `undefined` if it succeeded, or if nothing was copied. */
  readonly failure: string | undefined;
  /** The destination's ETag if nothing has written to it since the copy was completed, as far as the service shows. */
  readonly untouched: string | undefined;
}

/** Which right to write to take, and what may prove that only this push has written to it. */
export interface WriterRequest {
  /** The root of the ids of this run's lease: a GUID. */
  readonly root: string;
  /** The root that an earlier run of this push has recorded. */
  readonly recordedRoot: string | undefined;
  /** The destination's ETag if it is sure that nothing else has written to it so far. */
  readonly untouched: string | undefined;
}

/** The content of a destination, to compare it with the disk. */
export interface DestinationContent {
  /** Fills `into` from `offset`. */
  readInto(offset: number, into: Uint8Array): Promise<void>;
  /** Returns the ranges that may hold data; all others are zeros. */
  pageRanges(): Promise<RangeSet>;
}

/** A place to push a disk to. The comments say what a push relies on. Each method repeats requests that fail in passing. */
export interface Destination {
  /** For messages and results, without a secret. */
  readonly uri: string;
  readonly can: Capabilities;
  /** A base is looked for beside it, and may be named relative to it. */
  readonly location: BlobLocation;
  /** Warns if the credential ends soon, or before `bytes` of content are likely to be sent. */
  warnOfExpiry(bytes: number): void;
  /** Lists the blobs beside it that may be bases. */
  neighbours(): Promise<readonly ListedBlob[]>;
  /** Returns what is there; `undefined` if nothing is. */
  inspect(): Promise<DestinationSnapshot | undefined>;
  /** Returns the last 512 bytes as they were seen; `undefined` if the destination was changed or deleted since. */
  readFooter(seen: DestinationSnapshot): Promise<Buffer | undefined>;
  /** Returns its content as it was seen. Reads throw `source-changed` if it was changed since. */
  contentOf(seen: DestinationSnapshot): DestinationContent;
  /**
   * Makes it ready to be replaced: ends what an interrupted push has left. Returns the ETag under which it may be replaced.
   * Throws `destination-busy` if another process works on it.
   */
  prepareReplacement(seen: DestinationSnapshot): Promise<string>;
  /**
   * Makes it, empty, with `size` bytes. Replaces what is there under the ETag `ifMatch`; without one, nothing may be there.
   * Returns its ETag, if the service says so.
   */
  create(size: number, record: PushRecord, ifMatch: string | undefined): Promise<string | undefined>;
  /** Starts a copy of the base to it, with this record; `ifMatch` is as for `create`. Only if `can.copy` is not `none`. */
  copyFrom(base: CopiedBlob, record: PushRecord, ifMatch: string | undefined): Promise<void>;
  /** Waits until no copy to it is pending. Ctrl-C aborts the copy. */
  waitForCopy(onProgress: (done: number, total: number) => void): Promise<CopyEnd>;
  /** Deletes what `copyFrom` made beside the base, in this run or an earlier one. To be called before the first write. */
  cleanUpCopy(base: CopiedBlob, fingerprint: string): Promise<void>;
  /** Takes the right to write to it, and keeps it until the writer is disposed of. `seen`: as it was seen last. Throws `destination-busy`. */
  open(seen: DestinationSnapshot, request: WriterRequest): Promise<DestinationWriter>;
  /** Ends what a crashed process of this machine holds of a complete destination. */
  releaseStale(seen: DestinationSnapshot): Promise<void>;
  /** Seals a complete destination as it was seen. Only if `can.seal`. Throws `seal-refused`, `destination-busy`. */
  seal(seen: DestinationSnapshot, mode: SealMode): Promise<Seal>;
}

/** A range of a base to copy. */
export interface CopiedRange {
  readonly base: CopiedBlob;
  /** Of the range in the base, in bytes. */
  readonly offset: number;
  /** The MD5 of the bytes that the range has to have. */
  readonly md5: Uint8Array;
}

/** What completes a destination. */
export interface Completion {
  /** The last bytes of it, and their MD5. */
  readonly footer: { readonly bytes: Uint8Array; readonly md5: Uint8Array };
  /** Offset of the footer in bytes. */
  readonly footerOffset: number;
  readonly identity: PushIdentity;
  /** Digests of the disk; without an MD5, Content-MD5 stays off. */
  readonly digests: { readonly md5?: Buffer | undefined; readonly tree?: Buffer | undefined };
}

/**
 * A destination that this process alone may write to. If the right to write is lost, the writes fail. Disposing of it ends the
 * right, and records how far it was proved, for the next run.
 */
export interface DestinationWriter extends DestinationContent, AsyncDisposable {
  /** True if it is proved that only this push has written, in this run and all earlier ones. */
  readonly isProved: boolean;
  /** Makes the service refuse all earlier requests that are still on their way. Counts as proof for the next run. */
  fence(): Promise<void>;
  /** Writes whole pages, at most 4 MiB. `md5` is that of the bytes. */
  write(offset: number, bytes: Uint8Array, md5: Uint8Array): Promise<void>;
  /**
   * Has the service write whole pages, at most 4 MiB, by a copy from a base as it was checked: `offset` is that in the base, `md5`
   * that of the bytes. After `copied` they are there, and no content was sent. After `refused` nothing was written, or other bytes:
   * the range has to be written with `write`, and if it was refused for good, so have all others from this base. Any destination
   * may refuse. Throws `base-mismatch` if the base was changed since.
   */
  copyRange(range: Range, source: CopiedRange): Promise<RangeCopy>;
  /** Makes whole pages zeros. */
  clear(range: Range): Promise<void>;
  /** Changes the size to `size` bytes. Pages beyond it are lost. */
  resize(size: number): Promise<void>;
  /** Returns the destination as it is now. Throws `transfer-failed` if it is gone. */
  inspect(): Promise<DestinationSnapshot>;
  /** Replaces the push record, and keeps all else that `seen` has beside it. */
  saveRecord(seen: DestinationSnapshot, record: PushRecord): Promise<void>;
  /** Removes Content-MD5, if `seen` has one. */
  removeContentMd5(seen: DestinationSnapshot): Promise<void>;
  /** Writes the list of the disk's leaves beside it, in place of any other. Warns if that is refused. */
  saveLeafList(tree: Uint8Array, leaves: LeafSource): Promise<void>;
  /** Deletes the list of leaves of what was there before, if it may be deleted. */
  deleteLeafList(): Promise<void>;
  /** Makes it a disk: footer, digests, and the state `complete` last. Throws `transfer-failed` if the service is too slow. */
  complete(completion: Completion): Promise<void>;
  /** Marks it as complete, as it was seen: nothing is left to be done when the writer is disposed of. */
  markComplete(seen: DestinationSnapshot): void;
  /** Seals it, with no moment in between in which others may write. Only after `complete` or `markComplete`. */
  seal(mode: SealMode): Promise<Seal>;
  /** Ends the right to write and records nothing, because the destination is about to be made again. */
  giveUp(): Promise<void>;
}
