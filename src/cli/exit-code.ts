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

/** What each exit code means, in short. docs/EXIT-CODES.md has the error codes that belong to them. */
export const EXIT_MEANINGS: Readonly<Record<(typeof EXIT)[keyof typeof EXIT], string>> = {
  [EXIT.done]: 'done',
  [EXIT.unexpected]: 'unexpected error: please report it',
  [EXIT.usage]: 'usage: the arguments are wrong',
  [EXIT.badDisk]: 'bad or unsupported disk, or a broken chain',
  [EXIT.baseMismatch]: 'the base does not match',
  [EXIT.destinationInTheWay]: 'the destination or the output is in the way, in use, unfinished or missing',
  [EXIT.notAuthorised]: 'not authorised',
  [EXIT.resumable]: 'failed, resumable: run the same command again',
  [EXIT.sourceChanged]: 'the source changed meanwhile',
  [EXIT.contentDiffers]: 'verification found differences',
  [EXIT.failedForGood]: 'failed for good: a repeat alone does not help',
  [EXIT.interrupted]: 'Ctrl-C or SIGTERM, resumable; or a question was answered no',
};

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
  'vault-damaged': EXIT.contentDiffers,
  'vault-exists': EXIT.destinationInTheWay,
  'version-missing': EXIT.destinationInTheWay,
  'writer-too-slow': EXIT.resumable,
  cancelled: EXIT.interrupted,
  unexpected: EXIT.unexpected,
};

/** Returns the exit code for an error. `retryable`: false if the same command cannot succeed without another change. */
export function exitCodeOf(code: ErrorCode, retryable = true): number {
  const exitCode = BY_ERROR[code];
  return exitCode === EXIT.resumable && !retryable ? EXIT.failedForGood : exitCode;
}
