import t from 'tap';
import { parseBlobUri } from '../../src/azure/location.js';
import { VhdupError } from '../../src/errors.js';
import type { SessionEvent } from '../../src/session/events.js';
import { Session } from '../../src/session/session.js';

t.test('a failure cuts off what runs; a cancellation lets it finish', (t) => {
  const session = new Session({});
  session.fail(new VhdupError('cancelled', 'stopped on request'));
  t.equal(session.stop.abort.aborted, false);
  session.throwIfStopped();
  const failure = new Error('EIO');
  session.fail(failure);
  session.fail(new Error('a later one'));
  t.equal(session.stop.abort.reason, failure, 'the first failure is the reason');
  t.throws(() => {
    session.throwIfStopped();
  }, failure);
  t.end();
});

t.test('without an end of attempts or a limit of the rate is a valid call', (t) => {
  t.doesNotThrow(
    () => new Session({ limit: Infinity, retry: { attempts: Infinity, firstDelayMs: 0, maxDelayMs: Infinity } }),
  );
  t.end();
});

t.test("the caller's signal cancels", (t) => {
  const controller = new AbortController();
  const session = new Session({ signal: controller.signal });
  controller.abort();
  t.throws(
    () => {
      session.throwIfStopped();
    },
    { code: 'cancelled' },
  );
  t.equal(session.stop.abort.aborted, false);
  t.end();
});

t.test('events are emitted; warnings are kept for the result too', (t) => {
  const events: SessionEvent[] = [];
  const session = new Session({ onEvent: (event) => events.push(event) });
  session.progress('write', 1, 2);
  session.progress('write', 2, 2, { skipped: 1, transferred: 1 });
  session.note('n');
  session.warn({ code: 'c', message: 'w', hint: 'h' });
  t.strictSame(events, [
    { type: 'progress', phase: 'write', done: 1, total: 2 },
    { type: 'progress', phase: 'write', done: 2, total: 2, skipped: 1, transferred: 1 },
    { type: 'note', message: 'n' },
    { type: 'warning', code: 'c', message: 'w', hint: 'h' },
  ]);
  t.strictSame(session.warnings, [{ code: 'c', message: 'w', hint: 'h' }]);
  t.end();
});

t.test('a concurrency that is no number is refused before anything is done', (t) => {
  t.throws(() => new Session({ concurrency: Number.NaN }), { code: 'usage' });
  t.end();
});

t.test('a SAS that ends soon is warned of once', async (t) => {
  const session = new Session({ environment: {} });
  const until = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString().replace(/\.\d+Z$/, 'Z');
  const blobWith = (minutes: number, name: string) =>
    session.blob(
      parseBlobUri(`https://acct.blob.core.windows.net/vhds/${name}?sp=r&se=${until(minutes)}&sig=c2VjcmV0`),
    );
  session.warnOfExpiry(await blobWith(60, 'long'), 0);
  t.strictSame(session.warnings, []);
  const soon = await blobWith(5, 'soon');
  session.warnOfExpiry(soon, 0);
  session.warnOfExpiry(soon, 0);
  session.warnOfExpiry(await blobWith(60, 'large'), 1024 ** 4);
  t.match(session.warnings, [
    { code: 'sas-expires-soon', message: /vhds\/soon: the SAS expires at / },
    { code: 'sas-expires-soon', message: /vhds\/large: .* may end too early/ },
  ]);
  t.equal(session.warnings.length, 2);
  t.notMatch(JSON.stringify(session.warnings), /c2VjcmV0/);
});

t.test('the pace is over the whole time since the command began', (t) => {
  const before = performance.now();
  const session = new Session({});
  const began = performance.now();
  while (performance.now() - began < 20);
  const least = performance.now() - began;
  const { durationMs, bytesPerSecond } = session.paceOf(1_000_000);
  t.ok(durationMs >= Math.floor(least) && durationMs <= Math.ceil(performance.now() - before), `${durationMs} ms`);
  t.equal(bytesPerSecond, Math.round(1e9 / durationMs));
  t.equal(session.paceOf(0).bytesPerSecond, 0);
  t.ok(Number.isFinite(new Session({}).paceOf(1000).bytesPerSecond), 'a command that takes no time has a rate too');
  t.end();
});
