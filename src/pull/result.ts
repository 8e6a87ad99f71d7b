import type { Warning } from '../errors.js';
import type { Pace } from '../session/session.js';
import type { PullFormat } from './options.js';

/** The result of a pull. Amounts are in bytes. */
export interface PullResult extends Pace {
  /** URI of the blob, without a SAS. */
  readonly blob: string;
  readonly output: string;
  readonly format: PullFormat | 'differencing';
  readonly id: string | undefined;
  /** The size of the disk; of a blob that is not a VHD, its whole size. */
  readonly virtualSize: number;
  /** The size of the blob, the footer included. */
  readonly blobSize: number;
  /** Bytes that this run has read from the blob. */
  readonly fetched: number;
  /** Bytes that this run has written to the file as data. Zeros, and bytes that equal a parent's, are not written. */
  readonly stored: number;
  /** How often this run has read content of the blob. */
  readonly requests: number;
  /** The blob's Content-MD5 in base64. */
  readonly contentMd5: string | undefined;
  /** The digest that the content was compared with. */
  readonly checked: 'md5' | 'tree' | 'none';
  /** `already-there`: the same pull was finished before, and its file is unchanged. */
  readonly outcome: 'pulled' | 'resumed' | 'already-there';
  readonly warnings: readonly Warning[];
}
