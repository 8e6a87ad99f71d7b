import t from 'tap';
import { Retrier, type AttemptEnd, type RetryOptions, type ServiceErrors } from '../../src/run/retry.js';

/** An answer of a service without a name: the retrier knows none. */
class Answer extends Error {
  constructor(
    readonly status: number | undefined,
    readonly retryAfter?: number,
  ) {
    super(`status ${status}`);
  }
}

const answerOf = (error: unknown) => (error instanceof Answer ? error : new Answer(undefined));
const ERRORS: ServiceErrors = {
  failureOf: (error) => ({ status: answerOf(error).status, code: undefined, retryAfter: answerOf(error).retryAfter }),
  isTransient: (error) => answerOf(error).status !== 403,
  isThrottled: (error) => answerOf(error).status === 503,
  toError: (error, { what, uri }) => new Error(`${uri}: cannot ${what}`, { cause: error }),
};
const POLICY = { attempts: 8, firstDelayMs: 1, maxDelayMs: 2 };
const ATTEMPT = { what: 'write', uri: 'https://a/b' };

/** A retrier, and a request that answers with these statuses in turn, and then succeeds. */
function scene(statuses: readonly (number | undefined)[], options: RetryOptions = {}) {
  const [cancel, abort] = [new AbortController(), new AbortController()];
  const stop = { cancel: cancel.signal, abort: abort.signal };
  const retrier = new Retrier(stop, ERRORS, { policy: POLICY, ...options });
  let calls = 0;
  const request = () => {
    const count = calls++;
    return count < statuses.length ? Promise.reject(new Answer(statuses[count])) : Promise.resolve(calls);
  };
  return { retrier, request, cancel, abort, calls: () => calls };
}

t.test('a transient failure is repeated, and from the second time on a message says so', async (t) => {
  const messages: string[] = [];
  const { retrier, request } = scene([500, 500, 500], { onRetry: (message) => messages.push(message) });
  t.equal(await retrier.run(ATTEMPT, request), 4);
  t.strictSame(messages, [
    'cannot write (500); trying again: attempt 3 of 8',
    'cannot write (500); trying again: attempt 4 of 8',
  ]);
});

t.test('another failure is thrown at once, as the error of the service', async (t) => {
  const { retrier, request, calls } = scene([403]);
  await t.rejects(retrier.run(ATTEMPT, request), { message: 'https://a/b: cannot write', cause: { status: 403 } });
  t.equal(calls(), 1);
});

t.test('attempts end; before the first answer there are six at most', async (t) => {
  const answered = scene(Array<number>(9).fill(500));
  await t.rejects(answered.retrier.run(ATTEMPT, answered.request), /cannot write/);
  t.equal(answered.calls(), 8);
  const silent = scene(Array<undefined>(9).fill(undefined));
  await t.rejects(silent.retrier.run(ATTEMPT, silent.request), /cannot write/);
  t.equal(silent.calls(), 6);
  const reached = scene([]);
  await reached.retrier.run(ATTEMPT, reached.request);
  let calls = 0;
  const fail = () => {
    calls++;
    return Promise.reject(new Answer(undefined));
  };
  await t.rejects(reached.retrier.run(ATTEMPT, fail), /cannot write/);
  t.equal(calls, 8, 'once it has answered, all attempts count');
});

t.test('the service is waited for as long as it asks', async (t) => {
  const { retrier } = scene([]);
  const begun = performance.now();
  let calls = 0;
  await retrier.run(ATTEMPT, () => (calls++ === 0 ? Promise.reject(new Answer(503, 60)) : Promise.resolve()));
  t.ok(performance.now() - begun >= 59);
});

t.test('a stop ends the wait and starts no other attempt; an abort throws its reason', async (t) => {
  const cancelled = scene([500], { policy: { ...POLICY, firstDelayMs: 60_000, maxDelayMs: 60_000 } });
  const run = cancelled.retrier.run(ATTEMPT, cancelled.request);
  setImmediate(() => {
    cancelled.cancel.abort();
  });
  await t.rejects(run, { code: 'cancelled' });
  t.equal(cancelled.calls(), 1);

  const aborted = scene([500]);
  const reason = new Error('EIO');
  const cut = () => {
    aborted.abort.abort(reason);
    return aborted.request();
  };
  await t.rejects(aborted.retrier.run(ATTEMPT, cut), reason);
});

t.test('each attempt is admitted, and its end is reported', async (t) => {
  const [admitted, ends]: [number[], AttemptEnd['outcome'][]] = [[], []];
  const pacer = {
    admit: (bytes: number) => Promise.resolve(void admitted.push(bytes)),
    ended: ({ outcome }: AttemptEnd) => void ends.push(outcome),
  };
  const { retrier, request } = scene([503, 500], { pacer });
  await retrier.run({ ...ATTEMPT, bytes: 512 }, request);
  t.strictSame(admitted, [512, 512, 512]);
  t.strictSame(ends, ['throttled', 'failed', 'done']);
});
