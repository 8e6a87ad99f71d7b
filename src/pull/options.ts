import type { OpenOptions } from '../disk/open.js';
import type { SessionOptions } from '../session/options.js';

/** How a pulled disk is kept; `differencing` only over a local ancestor. */
export type PullFormat = 'dynamic' | 'fixed' | 'raw';

/** What to pull, and how; the options of opening a disk are for `onto`. */
export interface PullOptions extends SessionOptions, Omit<OpenOptions, 'format'> {
  /** `dynamic` (default): a sparse VHD; `fixed`: the blob byte for byte; `raw`: the disk without its footer. The last two are sparse files. */
  readonly format?: PullFormat | undefined;
  /** Path of a local ancestor of the blob: the output is a differencing VHD over it. */
  readonly onto?: string | undefined;
  /** Replace a file that is there, when the new one is complete. */
  readonly overwrite?: boolean | undefined;
  /** `false`: do not compare the blob's Content-MD5 or tree digest with what was pulled. */
  readonly checkMd5?: boolean | undefined;
  /** Folder in which finished pulls are recorded, so that the same call finds that it is done. Default: the user's state folder. Not used with `overwrite`. */
  readonly stateFolder?: string | undefined;
  /** Bytes fetched between two records of what is durable: a crash costs at most twice as many, and what was under way. Default 16 MiB. */
  readonly recordEvery?: number | undefined;
}
