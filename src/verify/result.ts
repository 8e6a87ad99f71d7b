import type { Range } from '../bytes/range.js';

/** What a comparison of a disk with a blob found. Amounts are bytes. */
export interface VerifyResult {
  readonly blob: string;
  /** True if nothing that was compared differs. */
  readonly equal: boolean;
  /** `content`: every byte; `records`: size, footer, Content-MD5 and allocation, as `deep: false` asks for. */
  readonly depth: 'content' | 'records';
  /** Of the blob, the footer included. */
  readonly size: number;
  /** Read and compared; the rest is zero on both sides, or was not compared. */
  readonly compared: number;
  /** Of `compared`, fetched from the service. */
  readonly fetched: number;
  readonly differences: {
    /** The first ones, in order. */
    readonly first: readonly Range[];
    readonly count: number;
    readonly bytes: number;
  };
  /** `equal`: it is the MD5 of the disk in the blob's form; `other`: it is not; `absent`: the blob has none; `unchecked`: the disk has no form of the blob's size. */
  readonly contentMd5: 'equal' | 'other' | 'absent' | 'unchecked';
  /** The same for the tree digest that a push has recorded on the blob. */
  readonly tree: VerifyResult['contentMd5'];
  /** Bytes that one side alone has allocated. They may be zero. */
  readonly allocation: { readonly onlyDisk: number; readonly onlyBlob: number };
  /** What differs besides bytes, and what keeps the blob from being a finished disk. */
  readonly problems: readonly string[];
}
