import type { Environment } from '../azure/credential.js';
import type { RetryPolicy } from '../run/retry.js';
import type { Listener } from './events.js';

/** What everything that speaks to the service takes. */
export interface SessionOptions {
  /** Requests at a time, each of at most 4 MiB in memory. Default: as many as help, from 1 to 32, found while it runs. */
  readonly concurrency?: number | undefined;
  /** Bytes of content sent or fetched in a second, at most. Default: no limit. */
  readonly limit?: number | undefined;
  /** Where credentials are looked for; default `process.env`. */
  readonly environment?: Environment | undefined;
  /** Sends a SAS, or requests signed with a key, over plain http also to other hosts than this machine. Default false. */
  readonly allowHttp?: boolean | undefined;
  /** Ends the work early: running requests are finished, what was done stays, and the same call resumes it. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: Listener | undefined;
  readonly retry?: RetryPolicy | undefined;
}
