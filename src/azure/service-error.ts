import type { IncomingMessage } from 'node:http';
import { RestError } from '@azure/storage-blob';
import { VhdupError, messageOf, type ErrorCode } from '../errors.js';
import { withoutSecrets } from '../redact/redact.js';
import type { Attempt, Failure, ServiceErrors } from '../run/retry.js';

/** The most characters of a server's message that a cause keeps. The stack is cut to the same length, because it begins with the message. */
const MAX_KEPT = 2048;

const TRANSIENT_STATUS = new Set([408, 429, 500, 502, 503, 504]);

/**
 * What is left of an SDK error as the cause of ours. Programs log causes with all that hangs on them, so it carries
 * neither request nor response: their headers and URLs hold signatures.
 */
export class ServiceFailure extends Error implements Failure {
  override readonly name: string;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly retryAfter: number | undefined;
  /** By which the service's support finds the request. */
  readonly requestId: string | undefined;

  constructor(error: unknown) {
    super(withoutSecrets(saidBy(error), MAX_KEPT));
    this.name = error instanceof Error ? error.name : 'Error';
    ({ status: this.status, code: this.code, retryAfter: this.retryAfter } = failureOf(error));
    this.requestId =
      error instanceof RestError
        ? error.response?.headers.get('x-ms-request-id')
        : error instanceof Refusal
          ? error.requestId
          : undefined;
    if (error instanceof Error && error.stack !== undefined) this.stack = withoutSecrets(error.stack, MAX_KEPT);
  }
}

/** What the service answered to a request that did not go by the SDK. */
export class Refusal extends Error implements Failure {
  override readonly name = 'Refusal';
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly retryAfter: number | undefined;
  readonly requestId: string | undefined;

  /** `text`: the body of the answer, XML. */
  constructor({ statusCode, headers }: IncomingMessage, text: string) {
    super(/<Message>([^<]*)/.exec(text)?.[1] ?? `the service answered ${statusCode ?? 'nothing'}`);
    const [code, requestId] = ['x-ms-error-code', 'x-ms-request-id'].map((name) => headers[name]);
    this.status = statusCode;
    this.code = oneWord(typeof code === 'string' ? code : /<Code>([^<]*)/.exec(text)?.[1]);
    this.requestId = typeof requestId === 'string' ? requestId : undefined;
    this.retryAfter = millisecondsOf(headers['retry-after']);
  }
}

/** Reads an error that the SDK threw, or what is left of it as a cause. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ServiceFailure || error instanceof Refusal) return error;
  if (!(error instanceof RestError))
    return { status: undefined, code: (error as { code?: string } | undefined)?.code, retryAfter: undefined };
  const headers = error.response?.headers;
  return {
    status: error.statusCode,
    code: oneWord(headers?.get('x-ms-error-code') ?? bodyCode(error) ?? error.code),
    retryAfter: millisecondsOf(headers?.get('retry-after')),
  };
}

/** Returns true if the service answered with one of these HTTP statuses; `error` may be the SDK's, or ours with that as its cause. */
export function hasStatus(error: unknown, ...statuses: readonly number[]): boolean {
  return statuses.includes(failureOf(error instanceof VhdupError ? error.cause : error).status ?? 0);
}

function millisecondsOf(seconds: string | undefined): number | undefined {
  const number = Number(seconds ?? Number.NaN);
  return Number.isFinite(number) ? number * 1000 : undefined;
}

function bodyCode(error: RestError): string | undefined {
  const { details } = error;
  if (typeof details !== 'object' || details === null) return undefined;
  const code = 'errorCode' in details ? details.errorCode : 'code' in details ? details.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** A code is one word; what a server sends instead is not passed on. */
function oneWord(code: string | undefined): string | undefined {
  return code !== undefined && /^[\w.-]{1,100}$/.test(code) ? code : undefined;
}

/** Returns the message of an error. The SDK's own message for an answer that is no XML is "[object Object]" and the whole answer, so it is replaced. */
function saidBy(error: unknown): string {
  return isUnreadable(error) ? 'the answer is not the XML that it should be' : messageOf(error);
}

/** True for an answer that the SDK cannot parse. */
function isUnreadable(error: unknown): boolean {
  return error instanceof RestError && error.code === RestError.PARSE_ERROR && error.statusCode !== undefined;
}

/** True where the same request may well succeed later. */
export function isTransient(error: unknown): boolean {
  if (error instanceof VhdupError) return false;
  const { status } = failureOf(error);
  // The request succeeded, but the answer was damaged on the way.
  if (status === 200 && isUnreadable(error)) return true;
  if (status !== undefined) return TRANSIENT_STATUS.has(status);
  // No answer at all: a socket, name or time-out trouble. An answer cut short surfaces as AbortError, one that is whole but
  // too short as a plain error.
  return (
    error instanceof RestError ||
    (error instanceof Error &&
      (error.name === 'AbortError' || 'code' in error || error.message.startsWith('Stream drains before')))
  );
}

const THROTTLED_STATUS = new Set([408, 429, 500, 503]);

/** True where fewer requests at a time may help: the service says so, or a request stood still. */
export function isThrottled(error: unknown): boolean {
  const { status, code } = failureOf(error);
  return status === undefined ? code === 'ETIMEDOUT' : THROTTLED_STATUS.has(status);
}

const BY_CODE: Readonly<Record<string, ErrorCode>> = {
  LeaseLost: 'lease-lost',
  LeaseIdMismatchWithBlobOperation: 'lease-lost',
  LeaseNotPresentWithBlobOperation: 'lease-lost',
  LeaseIdMismatchWithLeaseOperation: 'lease-lost',
  LeaseNotPresentWithLeaseOperation: 'lease-lost',
  LeaseIsBreakingAndCannotBeChanged: 'lease-lost',
  LeaseIsBrokenAndCannotBeRenewed: 'lease-lost',
  LeaseIdMissing: 'destination-busy',
  LeaseAlreadyPresent: 'destination-busy',
  LeaseIsBreakingAndCannotBeAcquired: 'destination-busy',
  PendingCopyOperation: 'destination-busy',
  BlobAlreadyExists: 'destination-exists',
  SnapshotsPresent: 'destination-exists',
  ContainerNotFound: 'destination-missing',
  BlobNotFound: 'destination-missing',
};

/** Characters of a server's own words that a message repeats. */
const MAX_SAID = 500;

/** How the errors of the SDK and of the service are read. */
export const AZURE_ERRORS: ServiceErrors = { failureOf, isTransient, isThrottled, toError: serviceError };

/** Returns an SDK error as ours: what was tried, on which blob, what the service said; without any secret. */
export function serviceError(error: unknown, { what, uri }: Attempt): VhdupError {
  if (error instanceof VhdupError) return error;
  const { status, code } = failureOf(error);
  const known = code === undefined ? undefined : BY_CODE[code];
  const unauthorised =
    status === 401 ||
    status === 403 ||
    (error instanceof Error && /^(CredentialUnavailable|Authentication|AggregateAuthentication)/.test(error.name));
  const resumable = isTransient(error);
  // Secrets are removed before the text is cut to one line: a secret that is folded over two lines is found only as a whole.
  const said = (withoutSecrets(saidBy(error), MAX_SAID).split(/[\r\n\v\f\u0085\u2028\u2029]/, 1)[0] ?? '').slice(
    0,
    MAX_SAID,
  );
  const answer = [[status, code].filter((part) => part !== undefined).join(' '), said]
    .filter((part) => part !== '')
    .join(': ');
  return new VhdupError(
    known ?? (unauthorised ? 'not-authorised' : resumable ? 'transfer-failed' : 'unexpected'),
    `${uri}: cannot ${what}: ${answer}`,
    {
      cause: new ServiceFailure(error),
      ...hintFor(known, unauthorised, resumable, said),
    },
  );
}

function hintFor(
  known: ErrorCode | undefined,
  unauthorised: boolean,
  resumable: boolean,
  said: string,
): { hint?: string } {
  if (/API version .* is not supported by Azurite/.test(said))
    return { hint: 'start Azurite with --skipApiVersionCheck' };
  if (known === 'destination-missing') return { hint: 'create the container first, and check the name' };
  if (known === 'destination-busy')
    return { hint: 'wait for whoever writes to it, or break its lease if you know that nobody does' };
  if (unauthorised)
    return {
      hint: 'check that the credential is for this account, has not expired, and allows reading and writing blobs',
    };
  if (resumable) return { hint: 'run the same command to resume' };
  return {};
}
