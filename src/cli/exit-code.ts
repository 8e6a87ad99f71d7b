import type { ErrorCode } from '../errors.js';

/** Exit codes: documented in docs/EXIT-CODES.md, tested, never renumbered. */
export const EXIT = {
  done: 0,
  unexpected: 1,
  usage: 2,
  badDisk: 3,
  baseMismatch: 4,
  destinationInTheWay: 5,
  notAuthorised: 6,
  resumable: 7,
  sourceChanged: 8,
  contentDiffers: 9,
  failedForGood: 10,
  interrupted: 130,
} as const;

const BY_ERROR: Readonly<Record<ErrorCode, number>> = {
  usage: EXIT.usage,
  'disk-unreadable': EXIT.badDisk,
  'disk-invalid': EXIT.badDisk,
  'disk-unsupported': EXIT.badDisk,
  'chain-broken': EXIT.badDisk,
  'base-mismatch': EXIT.baseMismatch,
  'destination-exists': EXIT.destinationInTheWay,
  'destination-busy': EXIT.destinationInTheWay,
  'destination-missing': EXIT.destinationInTheWay,
  'seal-refused': EXIT.destinationInTheWay,
  'blob-unfinished': EXIT.destinationInTheWay,
  'not-authorised': EXIT.notAuthorised,
  'service-unreachable': EXIT.failedForGood,
  'transfer-failed': EXIT.resumable,
  'lease-lost': EXIT.resumable,
  'output-unwritable': EXIT.resumable,
  'source-changed': EXIT.sourceChanged,
  'content-differs': EXIT.contentDiffers,
  cancelled: EXIT.interrupted,
  unexpected: EXIT.unexpected,
};

/** Returns the exit code for an error. `retryable`: false if the same command cannot succeed without another change. */
export function exitCodeOf(code: ErrorCode, retryable = true): number {
  const exitCode = BY_ERROR[code];
  return exitCode === EXIT.resumable && !retryable ? EXIT.failedForGood : exitCode;
}
