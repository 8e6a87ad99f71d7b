import type { SessionOptions } from '../session/options.js';
import type { Disk } from '../disk/disk.js';
import { FLAG, OBJECT, TEXT, oneOf, rule, wholeNumber, type OptionRules } from '../option-rules.js';
import { MAX_WRITE } from '../plan/page-blob-limits.js';
import { IMAGE_RULE, IMAGE_TAG_RULE } from '../protocol/image-name.js';
import { SEAL_RULE, type SealMode } from '../protocol/seal.js';

/**
 * What has to prove that the base is the local ancestor. `content`: its tree digest, if a push has recorded one, else its
 * Content-MD5; `md5`: its Content-MD5; `id`: its unique id is enough.
 */
export type BaseCheckMode = 'content' | 'md5' | 'id';

/**
 * Whether Content-MD5 is set. `auto`: if computing it hides behind the upload, or takes only seconds; the plan decides, and a
 * resumed push follows the run that began it.
 */
export type ContentMd5Mode = 'auto' | 'always' | 'never';

/** What of the destination to compare with the disk: what this push wrote and cleared, or all. */
export type VerifyScope = 'sent' | 'all';

/**
 * How what has changed since the base is found. `layers`: the layers above the ancestor that it equals say so; `leaves`: the digests
 * of the disk are compared with those of the base, which may be any blob; `auto`: by layers if the base is an ancestor.
 */
export type CompareMode = 'auto' | 'layers' | 'leaves';

/** What to push where, and how. */
export interface PushOptions extends SessionOptions {
  /** URI of the destination blob; a URI that ends with a slash names a container, and the blob gets the file's name. Default: the base's container. */
  readonly to?: string | undefined;
  /**
   * URI of the blob to copy from; `auto` for the nearest ancestor in the destination's container; `image:NAME` for the newest version
   * of an image there, `image:NAME@VERSION` for that one. Default: `auto` with `image`, otherwise none, and everything is sent.
   */
  readonly base?: string | undefined;
  /**
   * Records the destination as the next version of this image series. A version is numbered under the credential of the destination,
   * which has to allow to list its container and to create blobs there.
   */
  readonly image?: string | undefined;
  /** The version in that series, instead of the next number. Only with `image`. */
  readonly imageTag?: string | undefined;
  /** What has to prove that the base is the local ancestor. Default `content`. */
  readonly baseCheck?: BaseCheckMode | undefined;
  /** How what has changed since the base is found. Default `auto`. */
  readonly compare?: CompareMode | undefined;
  /** The local disk from which the base was made, perhaps by another tool: its leaves are compared, if its content is that of the base. */
  readonly baseDisk?: Disk | undefined;
  /** Read the base to compare it by leaves, if they are known from nowhere else. Default false. */
  readonly readBase?: boolean | undefined;
  /** Write the list of the disk's leaves beside the blob: a later push compares with it. Default true. See `docs/LEAVES.md`. */
  readonly leafList?: boolean | undefined;
  /** Accept only a base that cannot be changed: under an infinite lease, immutable, a snapshot or a version. Default false. */
  readonly requireSealedBase?: boolean | undefined;
  /** Keep the destination from changing once it is complete. */
  readonly seal?: SealMode | undefined;
  /** Replace what is at the destination, unless it is this push. */
  readonly overwrite?: boolean | undefined;
  /** Push a disk whose sectors do not have 512 bytes, as those of the service's disks have: a guest finds no partitions on it. Default false. */
  readonly forceSectorSize?: boolean | undefined;
  /** Fetch what this push wrote and cleared (`sent`), or all of the blob (`all`), and compare it before the blob is made complete. */
  readonly verify?: VerifyScope | undefined;
  /** Folder for this machine's records; see `docs/PROTOCOL.md`. */
  readonly stateFolder?: string | undefined;
  /** Gaps of up to this many bytes (0 to 4 MiB) between changes are sent too, and no wider ones. Default: the link decides; see `docs/PROTOCOL.md`. */
  readonly gap?: number | undefined;
  /**
   * Whether to set Content-MD5, which is computed over the whole disk, holes included. Default `auto`. The tree digest is recorded
   * in any case.
   */
  readonly contentMd5?: ContentMd5Mode | undefined;
  /** Folder for the digests of files, which are not read again while they are unchanged; `false` for none. See `docs/DIGEST.md`. */
  readonly cacheFolder?: string | false | undefined;
}

/** What the options of a push have to be, besides those of all commands. */
export const PUSH_RULES: OptionRules<PushOptions, keyof SessionOptions> = {
  to: TEXT,
  base: TEXT,
  image: IMAGE_RULE,
  imageTag: IMAGE_TAG_RULE,
  baseCheck: oneOf('content', 'md5', 'id'),
  compare: oneOf('auto', 'layers', 'leaves'),
  baseDisk: OBJECT,
  readBase: FLAG,
  leafList: FLAG,
  requireSealedBase: FLAG,
  seal: SEAL_RULE,
  overwrite: FLAG,
  forceSectorSize: FLAG,
  verify: oneOf('sent', 'all'),
  stateFolder: TEXT,
  gap: wholeNumber(0, MAX_WRITE),
  contentMd5: oneOf('auto', 'always', 'never'),
  cacheFolder: rule('a path or false', (value) => value === false || TEXT.accepts(value)),
};
