import type { BaseCheck } from '../blob/metadata.js';
import type { Environment } from '../blob/credential.js';
import type { RetryPolicy } from '../blob/retry.js';
import type { CostModel } from '../plan/push-plan.js';
import type { Listener } from './events.js';

/** What to push where, and how. */
export interface PushOptions {
  /** URI of the destination blob; a URI that ends with a slash names a container, and the blob gets the file's name. Default: the base's container. */
  readonly to?: string | undefined;
  /** URI of the blob to copy from, or `auto` for the nearest ancestor in the destination's container. Without one everything is sent. */
  readonly base?: string | undefined;
  /** `md5` (default): the base's Content-MD5 must be that of the local ancestor; `id`: its unique id is enough. */
  readonly baseCheck?: BaseCheck | undefined;
  /** Replace what is at the destination, unless it is this push. */
  readonly overwrite?: boolean | undefined;
  /** Requests at a time, each of at most 4 MiB in memory. Default 16. */
  readonly concurrency?: number | undefined;
  /** Where credentials are looked for; default `process.env`. */
  readonly environment?: Environment | undefined;
  /** Ends the push early: running requests are finished, all that was sent stays, and the same push resumes it. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: Listener | undefined;
  /** Folder for this machine's records; see `docs/PROTOCOL.md`. */
  readonly stateFolder?: string | undefined;
  readonly retry?: RetryPolicy | undefined;
  readonly cost?: CostModel | undefined;
}

export const DEFAULT_CONCURRENCY = 16;
