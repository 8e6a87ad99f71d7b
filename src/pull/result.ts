import type { PullFormat } from './options.js';

/** What a pull did. Amounts are bytes. */
export interface PullResult {
  readonly blob: string;
  readonly output: string;
  readonly format: PullFormat | 'differencing';
  readonly id: string | undefined;
  /** Of the disk; of a blob that is no VHD, all of it. */
  readonly size: number;
  /** Read from the blob by this run. */
  readonly fetched: number;
  /** Written to the file as data by this run: zeros, and what a parent has, are not. */
  readonly stored: number;
  /** Reads of the blob's content by this run. */
  readonly requests: number;
  /** Base64, as the blob has it. */
  readonly contentMd5: string | undefined;
  /** What proves that the file is right. */
  readonly checked: 'md5' | 'tree' | 'none';
  /** `already-there`: the same pull was finished before, and its file is untouched. */
  readonly outcome: 'pulled' | 'resumed' | 'already-there';
  readonly warnings: readonly string[];
}
