import type { ImageOptions } from '../disk/image.js';
import type { ParentRules } from '../disk/parent-bounds.js';
import { FLAG, TEXT, TEXTS, oneOf, wholeNumber, type OptionRules } from '../option-rules.js';
import type { SessionOptions } from '../session/options.js';

/** The format of a pulled disk. With `onto` the output is a differencing VHD. */
export type PullFormat = 'dynamic' | 'fixed' | 'raw';

/** Options of `pull`. Those of opening a disk are for `onto`. */
export interface PullOptions extends SessionOptions, ImageOptions, ParentRules {
  /** `dynamic` (default): a sparse VHD; `fixed`: the blob byte for byte; `raw`: the disk without its footer. The last two are sparse files. */
  readonly format?: PullFormat | undefined;
  /** Path of a local ancestor of the blob. The output is then a differencing VHD over it. */
  readonly onto?: string | undefined;
  /** Replaces an existing file when the new one is complete. Default false. */
  readonly overwrite?: boolean | undefined;
  /** Compares the blob's Content-MD5 or tree digest with the pulled content. Default true. */
  readonly checkMd5?: boolean | undefined;
  /** The folder for records of finished pulls, by which the same call finds that it is done. Default: the user's state folder. Not used with `overwrite`. */
  readonly stateFolder?: string | undefined;
  /** Bytes fetched between two records of what is durable. A crash costs at most twice as many, and what was under way. Default 16 MiB. */
  readonly recordEvery?: number | undefined;
}

/** What the options of a pull have to be, besides those of all commands. */
export const PULL_RULES: OptionRules<PullOptions, keyof SessionOptions> = {
  parentDirs: TEXTS,
  followAbsoluteParents: FLAG,
  ignoreChecksum: FLAG,
  format: oneOf('dynamic', 'fixed', 'raw'),
  onto: TEXT,
  overwrite: FLAG,
  checkMd5: FLAG,
  stateFolder: TEXT,
  recordEvery: wholeNumber(1),
};
