import t from 'tap';
import { pause, throwIfStopped } from '../../src/run/stop.js';

function stoppable() {
  const [cancel, abort] = [new AbortController(), new AbortController()];
  return { stop: { cancel: cancel.signal, abort: abort.signal }, cancel, abort };
}

t.test('a pause ends early if the work is stopped, in either way', async (t) => {
  await pause(1, stoppable().stop);
  for (const way of ['cancel', 'abort'] as const) {
    const { stop, [way]: controller } = stoppable();
    const waiting = t.rejects(pause(3_600_000, stop), { code: 'cancelled' });
    controller.abort();
    await waiting;
    await t.rejects(pause(3_600_000, stop), { code: 'cancelled' });
  }
});

t.test('an abort throws its reason, before a cancel', (t) => {
  const { stop, cancel, abort } = stoppable();
  throwIfStopped(stop);
  cancel.abort();
  t.throws(
    () => {
      throwIfStopped(stop);
    },
    { code: 'cancelled' },
  );
  const reason = new Error('the lease is lost');
  abort.abort(reason);
  t.throws(() => {
    throwIfStopped(stop);
  }, reason);
  t.end();
});
