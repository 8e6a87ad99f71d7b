import type { OnRequest } from './request-log.js';
import type { ThroughputFloor } from './throughput-floor.js';

/** The default of `RequestLimits.deadlineMs`, in milliseconds. */
export const DEADLINE_MS = 30_000;

/** The limits that keep a request from taking for ever, and the log of requests. */
export interface RequestLimits {
  /** Milliseconds without a byte in either direction after which a request fails. */
  readonly deadlineMs: number;
  /** The least throughput of all requests that share this object. */
  readonly floor: ThroughputFloor;
  /** Called with each request that has ended, each attempt of its own. */
  readonly onRequest?: OnRequest | undefined;
}
