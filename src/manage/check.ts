import type { ErrorCode } from '../errors.js';

/** The result of one check. Nothing of it is secret. */
export interface Check {
  readonly name: 'node' | 'state-folder' | 'cache-folder' | 'proxy' | 'credential' | 'server' | 'clock' | 'access';
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** The code of the error that a command would end with, if the check failed. */
  readonly code?: ErrorCode;
  /** If the same command may succeed later without any other change; only beside `code`. */
  readonly retryable?: boolean;
}
