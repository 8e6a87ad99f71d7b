import type { ThroughputFloor } from './throughput-floor.js';

/** The default of `RequestLimits.deadlineMs`, in milliseconds. */
export const DEADLINE_MS = 30_000;

/** The limits that keep a request from taking for ever. */
export interface RequestLimits {
  /** Milliseconds without a byte in either direction after which a request fails. */
  readonly deadlineMs: number;
  /** The least throughput of all requests that share this object. */
  readonly floor: ThroughputFloor;
}
