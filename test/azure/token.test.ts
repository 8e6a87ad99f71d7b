import type { AccessToken, GetTokenOptions } from '@azure/identity';
import t from 'tap';
import { CachedToken } from '../../src/azure/token.js';

const HOUR = 3_600_000;
const SCOPE = 'https://storage.azure.com/.default';

/** A credential whose tokens last an hour, and a clock that the test moves. */
function scene(more: Partial<AccessToken> = {}) {
  const clock = { now: 0, isDown: false, signIns: 0, attempts: 0 };
  const token = new CachedToken(
    {
      getToken: () => {
        clock.attempts++;
        if (clock.isDown) return Promise.reject(new Error('no network'));
        clock.signIns++;
        return Promise.resolve({ token: `t${clock.signIns}`, expiresOnTimestamp: clock.now + HOUR, ...more });
      },
    },
    () => clock.now,
  );
  return { clock, token };
}

t.test('many requests at a time, with the SDK and without, cause one sign-in', async (t) => {
  const { clock, token } = scene();
  const { signal } = new AbortController();
  const all = await Promise.all([token.getToken([SCOPE]), token.getToken(SCOPE), token.authorization(signal)]);
  t.match(all, [{ token: 't1' }, { token: 't1' }, 'Bearer t1']);
  t.equal(clock.signIns, 1);
});

t.test('a token is renewed before it expires, while requests go on with the old one', async (t) => {
  const { clock, token } = scene();
  await token.getToken(SCOPE);
  clock.now = HOUR - 6 * 60_000;
  t.match(await token.getToken(SCOPE), { token: 't1' });
  t.equal(clock.signIns, 1, 'not yet');
  clock.now = HOUR - 4 * 60_000;
  t.match(await token.getToken(SCOPE), { token: 't1' });
  t.match(await token.getToken(SCOPE), { token: 't2' });
  t.equal(clock.signIns, 2);
});

t.test('a failure to renew fails no request until the token can no longer be used', async (t) => {
  const { clock, token } = scene();
  await token.getToken(SCOPE);
  clock.isDown = true;
  clock.now = HOUR - 4 * 60_000;
  t.match(await token.getToken(SCOPE), { token: 't1' });
  clock.now = HOUR - 5_000;
  await t.rejects(token.getToken(SCOPE), { message: 'no network' });
});

t.test('only the token that was refused is forgotten: another request may have renewed it already', async (t) => {
  const { clock, token } = scene();
  const { signal } = new AbortController();
  await token.authorization(signal);
  token.refuse('Bearer t0', undefined);
  t.equal(await token.authorization(signal), 'Bearer t1');
  token.refuse('Bearer t1', undefined);
  t.equal(await token.authorization(signal), 'Bearer t2');
  t.equal(clock.signIns, 2);
});

t.test('a stopped request does not wait for a sign-in', async (t) => {
  const token = new CachedToken({ getToken: () => new Promise(() => undefined) });
  const abort = new AbortController();
  const waiting = token.authorization(abort.signal);
  abort.abort();
  await t.rejects(waiting, { name: 'AbortError' });
});

t.test('a failed renewal is not tried again with every request', async (t) => {
  const { clock, token } = scene();
  await token.getToken(SCOPE);
  clock.now = HOUR - 4 * 60_000;
  clock.isDown = true;
  for (let request = 0; request < 5; request++) await token.getToken(SCOPE);
  t.equal(clock.attempts, 2, 'the first sign-in and one renewal');
  clock.now += 31_000;
  await token.getToken(SCOPE);
  t.equal(clock.attempts, 3, 'after half a minute it is tried again');
});

t.test('a failed sign-in is not remembered', async (t) => {
  const { clock, token } = scene();
  clock.isDown = true;
  await t.rejects(token.getToken(SCOPE), { message: 'no network' });
  clock.isDown = false;
  t.match(await token.getToken(SCOPE), { token: 't1' });
});

t.test('a token that says when to renew it is renewed then', async (t) => {
  const { clock, token } = scene({ refreshAfterTimestamp: 60_000 });
  await token.getToken(SCOPE);
  clock.now = 61_000;
  await token.getToken(SCOPE);
  t.equal(clock.attempts, 2);
});

t.test('each tenant and each claim has a token of its own; requests without the SDK use the last tenant', async (t) => {
  const { clock, token } = scene();
  const { signal } = new AbortController();
  await token.getToken(SCOPE);
  t.match(await token.getToken(SCOPE, { claims: 'c' }), { token: 't2' });
  t.match(await token.getToken(SCOPE, { tenantId: 'tenant' }), { token: 't3' });
  t.equal(await token.authorization(signal), 'Bearer t3');
  t.equal(clock.attempts, 3);
});

t.test('a request that is stopped ends its own wait, not the sign-in of the others', async (t) => {
  const given: GetTokenOptions['abortSignal'][] = [];
  let signIn: (token: AccessToken) => void = () => undefined;
  const signedIn = new Promise<AccessToken>((resolve) => {
    signIn = resolve;
  });
  const token = new CachedToken({
    getToken: (_, options) => {
      given.push(options?.abortSignal);
      return signedIn;
    },
  });
  const abort = new AbortController();
  const stopped = token.authorization(abort.signal);
  const waiting = token.authorization(new AbortController().signal);
  abort.abort();
  await t.rejects(stopped, { name: 'AbortError' });
  await t.rejects(token.authorization(abort.signal), { name: 'AbortError' }, 'also if it was stopped before');
  signIn({ token: 't1', expiresOnTimestamp: Date.now() + HOUR });
  t.equal(await waiting, 'Bearer t1');
  t.strictSame(given, [undefined]);
});
