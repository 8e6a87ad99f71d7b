import { inspect } from 'node:util';

/** What went wrong, as a program can tell it apart. The command line maps each to an exit code. */
export type ErrorCode =
  | 'usage'
  | 'disk-unreadable'
  | 'disk-invalid'
  | 'disk-unsupported'
  | 'chain-broken'
  | 'base-mismatch'
  | 'destination-exists'
  | 'destination-busy'
  | 'destination-missing'
  | 'seal-refused'
  | 'blob-unfinished'
  | 'not-authorised'
  | 'transfer-failed'
  | 'lease-lost'
  | 'output-unwritable'
  | 'source-changed'
  | 'content-differs'
  | 'cancelled'
  | 'unexpected';

/** More about an error: what to do next, and what caused it. */
export interface ErrorDetail {
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * Every failure that the library reports on purpose.
 * The message says what and where (file, offset, blob); the hint says what to do next. Neither carries a secret.
 */
export class VhdupError extends Error {
  override readonly name = 'VhdupError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.hint = detail.hint;
  }
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  return 'message' in error && typeof error.message === 'string'
    ? error.message
    : inspect(error, { breakLength: Infinity });
}
