import { inspect } from 'node:util';

/** The kind of an error. The command line maps each to an exit code. */
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
  | 'service-unreachable'
  | 'transfer-failed'
  | 'lease-lost'
  | 'output-unwritable'
  | 'source-changed'
  | 'content-differs'
  | 'vault-damaged'
  | 'vault-exists'
  | 'version-missing'
  | 'writer-too-slow'
  | 'cancelled'
  | 'unexpected';

/** Details of an error. */
export interface ErrorDetail {
  /** What to do next. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** If the same call may succeed later without any other change. Default: by the code. */
  readonly retryable?: boolean;
  /** The id of the request that failed, in the service's own logs. */
  readonly requestId?: string | undefined;
}

/** Something unusual that did not stop a command. */
export interface Warning {
  /** One word or several with hyphens; it stays the same in later versions. */
  readonly code: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** The codes of errors that a repeat of the same call may mend. */
const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'transfer-failed',
  'lease-lost',
  'output-unwritable',
  'destination-busy',
  'source-changed',
  'writer-too-slow',
  'cancelled',
]);

/**
 * The error of all expected failures. The message says what failed and where (file, offset, blob), the hint what to do next.
 * Neither contains a secret.
 */
export class VhdupError extends Error {
  override readonly name = 'VhdupError';
  readonly code: ErrorCode;
  /** What to do next. */
  readonly hint: string | undefined;
  /** True if the same call may succeed later without any other change. */
  readonly retryable: boolean;
  /** The id of the request that failed, in the service's own logs. */
  readonly requestId: string | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.hint = detail.hint;
    this.retryable = detail.retryable ?? RETRYABLE.has(code);
    this.requestId = detail.requestId;
  }
}

/** Returns the message of anything that was thrown. */
export function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  return 'message' in error && typeof error.message === 'string'
    ? error.message
    : inspect(error, { breakLength: Infinity });
}

/** Returns true for a `VhdupError` with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): boolean {
  return error instanceof VhdupError && codes.includes(error.code);
}
