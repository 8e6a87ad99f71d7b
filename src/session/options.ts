import type { AccountSas, Environment } from '../azure/credential.js';
import type { RetryPolicy } from '../run/retry.js';
import type { Listener } from './events.js';
import { CALLBACK, FLAG, OBJECT, rule, wholeNumber, type OptionRules } from '../option-rules.js';

/** Options of all commands that use the service. */
export interface SessionOptions {
  /** Requests at a time, each with at most 4 MiB in memory. Default: it adapts while the command runs, from 1 to 32. */
  readonly concurrency?: number | undefined;
  /** The most bytes of content that are sent or fetched in a second. Default: no limit. */
  readonly limit?: number | undefined;
  /** The environment variables with credentials. Default `process.env`. */
  readonly environment?: Environment | undefined;
  /** A SAS for an account. It replaces the credentials of the environment; a SAS in a URI still comes first. */
  readonly accountSas?: AccountSas | undefined;
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

/** The most requests at a time. */
const MAX_CONCURRENCY = 512;
/** The least rate, in bytes a second: below it, no request would end. */
const MIN_LIMIT = 1024;

const isNumber = (value: unknown, least: number) => typeof value === 'number' && value >= least;

/** What the options of all commands have to be. */
export const SESSION_RULES: OptionRules<SessionOptions> = {
  concurrency: wholeNumber(1, MAX_CONCURRENCY),
  limit: rule(`a number of bytes of at least ${MIN_LIMIT}`, (value) => isNumber(value, MIN_LIMIT)),
  environment: OBJECT,
  accountSas: rule('an object with an endpoint and a SAS', isAccountSas),
  allowHttp: FLAG,
  signal: rule('an AbortSignal', (value) => value instanceof AbortSignal),
  onEvent: CALLBACK,
  requestEvents: FLAG,
  retry: rule('a policy with at least one attempt and delays in milliseconds', isRetryPolicy),
};

function isAccountSas(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { endpoint, sas } = value as Partial<Record<keyof AccountSas, unknown>>;
  return typeof endpoint === 'string' && typeof sas === 'string' && sas !== '';
}

function isRetryPolicy(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { attempts, firstDelayMs, maxDelayMs, deadlineMs, floorWindowMs } = value as Partial<
    Record<keyof RetryPolicy, unknown>
  >;
  return (
    (Number.isInteger(attempts) || attempts === Infinity) &&
    isNumber(attempts, 1) &&
    isNumber(firstDelayMs, 0) &&
    isNumber(maxDelayMs, 0) &&
    [deadlineMs, floorWindowMs].every((time) => time === undefined || isNumber(time, 1))
  );
}
