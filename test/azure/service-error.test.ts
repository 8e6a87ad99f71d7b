import { RestError } from '@azure/storage-blob';
import type { IncomingMessage } from 'node:http';
import t from 'tap';
import {
  HttpError,
  ServiceFailure,
  failureOf,
  hasStatus,
  isThrottled,
  isTransient,
  serviceError,
} from '../../src/azure/service-error.js';
import { VhdupError } from '../../src/errors.js';

const ATTEMPT = { what: 'read it', uri: 'https://a.blob.core.windows.net/c/b' };
const answered = (statusCode: number, code?: string) =>
  new RestError('said', { statusCode, ...(code === undefined ? {} : { code }) });
const httpError = (statusCode: number, headers = {}, text = '') =>
  new HttpError({ statusCode, headers } as unknown as IncomingMessage, text);

t.test('status, code and Retry-After are found in every kind of error', (t) => {
  t.strictSame(failureOf(answered(409, 'LeaseLost')), { status: 409, code: 'LeaseLost', retryAfter: undefined });
  t.match(failureOf(httpError(503, { 'retry-after': '2' }, '<Code>ServerBusy</Code><Message>The server is busy.')), {
    status: 503,
    code: 'ServerBusy',
    retryAfter: 2000,
    message: 'The server is busy.',
  });
  t.match(failureOf(httpError(400, { 'x-ms-error-code': 'two words' })), { code: undefined });
  t.match(failureOf(Object.assign(new Error('reset'), { code: 'ECONNRESET' })), {
    status: undefined,
    code: 'ECONNRESET',
  });
  const error = serviceError(answered(404, 'BlobNotFound'), ATTEMPT);
  t.ok(error.cause instanceof ServiceFailure);
  for (const each of [error, error.cause, answered(404)]) {
    t.ok(hasStatus(each, 412, 404));
    t.notOk(hasStatus(each, 412));
  }
  t.notOk(hasStatus(new VhdupError('unexpected', 'no cause'), 404));
  t.end();
});

t.test('only passing trouble is tried again, and slowed down for if the service throttles', (t) => {
  for (const [error, transient, throttled] of [
    [answered(503), true, true],
    [answered(500), true, true],
    [answered(429), true, true],
    [answered(408), true, true],
    [answered(502), true, false],
    [answered(403), false, false],
    [answered(412), false, false],
    [new RestError('no byte moved', { code: 'ETIMEDOUT' }), true, true],
    [new RestError('reset', { code: 'ECONNRESET' }), true, false],
    [Object.assign(new Error('reset'), { code: 'EPIPE' }), true, false],
    [new Error('Stream drains before getting enough data'), true, false],
    [new TypeError('a mistake'), false, false],
    [new RestError('half', { code: RestError.PARSE_ERROR, statusCode: 200 }), true, false],
    [new RestError('half', { code: RestError.PARSE_ERROR, statusCode: 403 }), false, false],
    [new VhdupError('unexpected', 'of ours'), false, false],
  ] as const) {
    t.equal(isTransient(error), transient, `${error.message} ${failureOf(error).status}`);
    t.equal(isThrottled(error), throttled, `${error.message} ${failureOf(error).status}`);
  }
  t.end();
});

t.test('each refusal has its code, and a hint of what to do', (t) => {
  for (const [status, code, kind, hint] of [
    [412, 'LeaseIdMismatchWithBlobOperation', 'lease-lost', undefined],
    [412, 'LeaseIdMissing', 'destination-busy', /break its lease/],
    [409, 'BlobAlreadyExists', 'destination-exists', undefined],
    [404, 'ContainerNotFound', 'destination-missing', /create the container/],
    [403, 'AuthorizationFailure', 'not-authorised', /credential/],
    [401, undefined, 'not-authorised', /credential/],
    [503, 'ServerBusy', 'transfer-failed', /resume/],
    [412, 'ConditionNotMet', 'unexpected', undefined],
  ] as const) {
    const error = serviceError(answered(status, code), ATTEMPT);
    t.match(error, { code: kind, message: `${ATTEMPT.uri}: cannot read it: ${status}` });
    if (hint === undefined) t.equal(error.hint, undefined);
    else t.match(error.hint, hint);
  }
  t.match(serviceError(Object.assign(new Error('no'), { name: 'CredentialUnavailableError' }), ATTEMPT), {
    code: 'not-authorised',
  });
  const own = new VhdupError('usage', 'of ours');
  t.equal(serviceError(own, ATTEMPT), own);
  t.end();
});

t.test('of a message one line is repeated, without secrets, and no header or body hangs on the cause', (t) => {
  const error = serviceError(
    new RestError('denied for ?sig=c2VjcmV0c2VjcmV0\nsecond line', {
      statusCode: 403,
      request: { headers: 'sig=c2VjcmV0' } as never,
    }),
    ATTEMPT,
  );
  t.equal(error.message, `${ATTEMPT.uri}: cannot read it: 403: denied for ?sig=REDACTED`);
  t.notMatch(JSON.stringify(error.cause), /c2VjcmV0/);
  t.notMatch(String((error.cause as Error).stack), /c2VjcmV0/);
  t.notOk('request' in (error.cause as object));
  t.equal(
    serviceError(new RestError('x'.repeat(5000)), ATTEMPT).message.length,
    `${ATTEMPT.uri}: cannot read it: `.length + 500,
  );
  t.end();
});

t.test('a server that never answered is unreachable for good; one that did may come back', (t) => {
  for (const [code, isTried] of [
    ['ENOTFOUND', true],
    ['ECONNREFUSED', true],
    ['ERR_TLS_CERT_ALTNAME_INVALID', false],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', false],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', false],
  ] as const) {
    const failed = new RestError('failed', { code });
    t.match(serviceError(failed, ATTEMPT, false), { code: 'service-unreachable', retryable: false, hint: /./ }, code);
    t.match(serviceError(failed, ATTEMPT, true), { code: 'transfer-failed', retryable: true }, code);
    t.equal(isTransient(failed), isTried, code);
  }
  for (const code of ['EAI_AGAIN', 'ECONNRESET', 'ETIMEDOUT'])
    t.match(serviceError(new RestError('failed', { code }), ATTEMPT, false), {
      code: 'transfer-failed',
      retryable: true,
    });
  t.end();
});

t.test('an error has the id of its request', (t) => {
  const error = serviceError(httpError(500, { 'x-ms-request-id': 'id-1' }), ATTEMPT);
  t.equal(error.requestId, 'id-1');
  t.end();
});

t.test('an error of the SDK has the id of its request, and the hint for what was refused', (t) => {
  const headers = { get: (name: string) => (name === 'x-ms-request-id' ? 'id-2' : undefined) };
  const error = serviceError(
    new RestError('refused', {
      statusCode: 403,
      code: 'AuthorizationPermissionMismatch',
      request: { method: 'PUT', url: 'https://a/c/b?sp=r&sig=x', headers } as never,
      response: { status: 403, headers } as never,
    }),
    ATTEMPT,
  );
  t.match(error, { requestId: 'id-2', hint: /sp=r, and needs "w" too/ });
  t.end();
});

t.test('a server that answered is no unreachable one, whatever code its answer has', (t) => {
  t.match(serviceError(answered(400, 'ENOTFOUND'), ATTEMPT, false), { code: 'unexpected' });
  t.end();
});
