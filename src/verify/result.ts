import type { Warning } from '../errors.js';
import type { Pace } from '../session/session.js';
import type { Range } from '../bytes/range.js';

/** What a comparison of a disk with a blob found. Amounts are bytes. */
export interface VerifyResult extends Pace {
  /** URI of the blob, without a SAS. */
  readonly blob: string;
  /** True if nothing that was compared differs. */
  readonly equal: boolean;
  /**
   * True if every byte of the disk is equal: if `equal` is false all the same, the footer differs, or the blob is not finished, as
   * `problems` says. `undefined` if the content was not fetched.
   */
  readonly contentEqual: boolean | undefined;
  /** `content`: every byte; `records`: size, footer, Content-MD5 and allocation, as `deep: false` asks for. */
  readonly depth: 'content' | 'records';
  /** Of the disk. */
  readonly virtualSize: number;
  /** Of the blob, the footer included. */
  readonly blobSize: number;
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
  /** `other-id`, `other-size`: it is a footer with another unique id, or for another size; `missing`: the blob ends with no footer. */
  readonly footerCheck: 'equal' | 'other-id' | 'other-size' | 'missing';
  /** Content-MD5. `equal`: it is the MD5 of the disk in the blob's form; `other`: it is not; `absent`: the blob has none; `unchecked`: the disk has no form of the blob's size. */
  readonly contentMd5Check: 'equal' | 'other' | 'absent' | 'unchecked';
  /** The same for the tree digest that a push has recorded on the blob. */
  readonly treeCheck: VerifyResult['contentMd5Check'];
  /** Bytes that one side alone has allocated. They may be zero. */
  readonly allocation: { readonly onlyDisk: number; readonly onlyBlob: number };
  /** What differs besides bytes, and what keeps the blob from being a finished disk. */
  readonly problems: readonly string[];
  readonly warnings: readonly Warning[];
}
