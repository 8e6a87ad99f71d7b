import type { IncomingMessage } from 'node:http';
import { RestError } from '@azure/storage-blob';
import { VhdupError, messageOf, type ErrorCode } from '../errors.js';
import { redact } from '../redact/redact.js';
import { connectionProblem, isCertificateError } from './connection-problem.js';
import { isSignInError } from './identity.js';
import { accessOf, refusalHint, type RequestAccess } from './refused-access.js';
import { sourceFailureOf, type SourceFailure } from './source-failure.js';
import type { Attempt, Failure, ServiceErrors } from '../run/retry.js';

/** The most characters of a server's message in a cause. The stack is cut to the same length, because it begins with the message. */
const MAX_CAUSE = 2048;

const TRANSIENT_STATUS = new Set([408, 429, 500, 502, 503, 504]);

/**
 * The cause of a `VhdupError`, made from an error of the SDK. Programs log causes with all their properties, so it has neither
 * request nor response: their headers and URLs contain signatures.
 */
export class ServiceFailure extends Error implements Failure {
  override readonly name: string;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly retryAfter: number | undefined;
  /** The id of the request in the service's own logs. */
  readonly requestId: string | undefined;
  /** What the source of a copy has answered. */
  readonly copySource: SourceFailure | undefined;

  constructor(error: unknown) {
    super(redact(serverMessage(error), MAX_CAUSE));
    this.copySource = sourceFailureOf(error);
    this.name = error instanceof Error ? error.name : 'Error';
    ({ status: this.status, code: this.code, retryAfter: this.retryAfter } = failureOf(error));
    this.requestId =
      error instanceof RestError
        ? error.response?.headers.get('x-ms-request-id')
        : error instanceof HttpError
          ? error.requestId
          : undefined;
    if (error instanceof Error && error.stack !== undefined) this.stack = redact(error.stack, MAX_CAUSE);
  }
}

/** The service's answer to a request that was sent without the SDK. */
export class HttpError extends Error implements Failure {
  override readonly name = 'HttpError';
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly retryAfter: number | undefined;
  readonly requestId: string | undefined;
  readonly access: RequestAccess | undefined;

  /** `text`: the body of the answer, XML; `access`: how the request was authorized. */
  constructor({ statusCode, headers }: IncomingMessage, text: string, access?: RequestAccess) {
    super(/<Message>([^<]*)/.exec(text)?.[1] ?? `the service answered ${statusCode ?? 'nothing'}`);
    const [code, requestId] = ['x-ms-error-code', 'x-ms-request-id'].map((name) => headers[name]);
    this.access = access;
    this.status = statusCode;
    this.code = validCode(typeof code === 'string' ? code : /<Code>([^<]*)/.exec(text)?.[1]);
    this.requestId = typeof requestId === 'string' ? requestId : undefined;
    this.retryAfter = millisecondsOf(headers['retry-after']);
  }
}

/** Returns status, code and Retry-After of an error of the SDK, or of a cause that was made from it. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ServiceFailure || error instanceof HttpError) return error;
  if (!(error instanceof RestError))
    return { status: undefined, code: (error as { code?: string } | undefined)?.code, retryAfter: undefined };
  const headers = error.response?.headers;
  return {
    status: error.statusCode,
    code: validCode(headers?.get('x-ms-error-code') ?? codeInBody(error) ?? error.code),
    retryAfter: millisecondsOf(headers?.get('retry-after')),
  };
}

/** Returns true if the service answered with one of these HTTP statuses. `error`: of the SDK, or a `VhdupError` with such a cause. */
export function hasStatus(error: unknown, ...statuses: readonly number[]): boolean {
  return statuses.includes(failureOf(error instanceof VhdupError ? error.cause : error).status ?? 0);
}

function millisecondsOf(seconds: string | undefined): number | undefined {
  const number = Number(seconds ?? Number.NaN);
  return Number.isFinite(number) ? number * 1000 : undefined;
}

function codeInBody(error: RestError): string | undefined {
  const { details } = error;
  if (typeof details !== 'object' || details === null) return undefined;
  const code = 'errorCode' in details ? details.errorCode : 'code' in details ? details.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Returns the code if it is one word, as codes of the service are. */
function validCode(code: string | undefined): string | undefined {
  return code !== undefined && /^[\w.-]{1,100}$/.test(code) ? code : undefined;
}

/** Returns the message of an error. The SDK's own message for an answer that is not XML is "[object Object]" and the whole answer, so it is replaced. */
function serverMessage(error: unknown): string {
  return isUnreadable(error) ? 'the answer is not the XML that it should be' : messageOf(error);
}

/** Returns true for an answer that the SDK cannot parse. */
function isUnreadable(error: unknown): boolean {
  return error instanceof RestError && error.code === RestError.PARSE_ERROR && error.statusCode !== undefined;
}

/** Returns true if the same request may succeed later. */
export function isTransient(error: unknown): boolean {
  if (error instanceof VhdupError) return false;
  const { status, code } = failureOf(error);
  // The request succeeded, but the answer was damaged on the way.
  if (status === 200 && isUnreadable(error)) return true;
  // The source of a copy may be busy, and the status is then one of those that are for good.
  if (status !== undefined)
    return TRANSIENT_STATUS.has(status) || TRANSIENT_STATUS.has(sourceFailureOf(error)?.status ?? 0);
  if (isCertificateError(code)) return false;
  // There was no answer: the socket failed, the name was not found, or time ran out. The SDK reports an answer that is cut short as
  // AbortError, and one that is complete but too short as a plain error.
  return (
    error instanceof RestError ||
    (error instanceof Error &&
      (error.name === 'AbortError' || 'code' in error || error.message.startsWith('Stream drains before')))
  );
}

const THROTTLED_STATUS = new Set([408, 429, 500, 503]);

/** Returns true if fewer requests at a time may help: the service throttles, or no byte of a request moved. */
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

/** The most characters of a server's message that an error message repeats. */
const MAX_MESSAGE = 500;

/** Interprets errors of the SDK and of the service. */
export const AZURE_ERRORS: ServiceErrors = { failureOf, isTransient, isThrottled, toError: serviceError };

/**
 * Returns a `VhdupError` for an error of the SDK: what was attempted, on which blob, and the service's message, without secrets.
 * `isReached`: if the server has answered before; if not, an address that does not exist is `service-unreachable`.
 */
export function serviceError(error: unknown, { what, uri }: Attempt, isReached = true): VhdupError {
  if (error instanceof VhdupError) return error;
  const { status, code } = failureOf(error);
  const known = code === undefined ? undefined : BY_CODE[code];
  const unauthorised = status === 401 || status === 403 || isSignInError(error);
  const problem = status === undefined ? connectionProblem(code) : undefined;
  const unreachable = problem !== undefined && !isReached;
  const resumable = isTransient(error) || problem !== undefined;
  // Secrets are removed before the text is cut to one line: a secret that is folded over two lines is found only as a whole.
  const message = (redact(serverMessage(error), MAX_MESSAGE).split(/[\r\n\v\f\u0085\u2028\u2029]/, 1)[0] ?? '').slice(
    0,
    MAX_MESSAGE,
  );
  const answer = [[status, code].filter((part) => part !== undefined).join(' '), message]
    .filter((part) => part !== '')
    .join(': ');
  const cause = new ServiceFailure(error);
  const access = error instanceof HttpError ? error.access : accessOf(error);
  const hint = unreachable
    ? problem
    : unauthorised && known === undefined
      ? refusalHint(code, access)
      : hintFor(known, resumable, message);
  return new VhdupError(
    known ??
      (unauthorised
        ? 'not-authorised'
        : unreachable
          ? 'service-unreachable'
          : resumable
            ? 'transfer-failed'
            : 'unexpected'),
    `${uri}: cannot ${what}: ${answer}`,
    { cause, requestId: cause.requestId, ...(hint === undefined ? {} : { hint }) },
  );
}

function hintFor(known: ErrorCode | undefined, resumable: boolean, message: string): string | undefined {
  if (/API version .* is not supported by Azurite/.test(message)) return 'start Azurite with --skipApiVersionCheck';
  if (known === 'destination-missing') return 'create the container first, and check the name';
  if (known === 'destination-busy')
    return 'wait until its writer is done, or break its lease if you know that nothing writes to it';
  return resumable ? 'run the same command to resume' : undefined;
}
