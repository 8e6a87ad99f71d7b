import type { Environment } from '../azure/credential.js';
import type { RetryPolicy } from '../run/retry.js';
import type { Listener } from './events.js';

/** Options of all commands that use the service. */
export interface SessionOptions {
  /** Requests at a time, each with at most 4 MiB in memory. Default: it adapts while the command runs, from 1 to 32. */
  readonly concurrency?: number | undefined;
  /** The most bytes of content that are sent or fetched in a second. Default: no limit. */
  readonly limit?: number | undefined;
  /** The environment variables with credentials. Default `process.env`. */
  readonly environment?: Environment | undefined;
  /**
   * If true, a SAS and requests signed with a key are sent over plain http to other hosts too, not only to this
   * machine. Default false.
   */
  readonly allowHttp?: boolean | undefined;
  /** Stops the command early: running requests finish, what was done stays, and the same call resumes it. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event. */
  readonly onEvent?: Listener | undefined;
  /** If true, an event is emitted for each request to the service. Default false. */
  readonly requestEvents?: boolean | undefined;
  /** How failed requests are tried again. Default: up to 10 attempts, about a minute. */
  readonly retry?: RetryPolicy | undefined;
}
