import t from 'tap';
import { beginPass, digestsOf, startDigestPass, type Content, type DigestPass } from '../../src/session/digest-pass.js';
import { Session } from '../../src/session/session.js';

const MIB = 1024 ** 2;
const TIB = 1024 ** 4;

/** A disk that has one MiB of data at its beginning. */
function content(size: number, read: Content['read'] = (_, into) => Promise.resolve(void into.fill(7))): Content {
  return { size, read, stretches: async function* stretches() { yield await Promise.resolve([{ kind: 'data', layer: 0, offset: 0, length: MIB }]); } };
}

const started = (session: Session, of: Content): Promise<DigestPass> => startDigestPass(session, of, { md5: { padding: 0, footer: Buffer.alloc(512) }, tree: true }, 'digest');
const all = () => true;

t.test('who reads apart begins at once, and the digests are the same', async (t) => {
  const session = new Session({});
  let seen: () => void = () => undefined;
  const isRead = new Promise<void>((resolve) => { seen = resolve; });
  const disk = content(8 * MIB, (_, into) => {
    into.fill(7);
    seen();
    return Promise.resolve();
  });
  const pass = await started(session, disk);
  await using begun = beginPass(session, disk, pass, (consumer) => consumer === pass.consumers[0]);
  await isRead;
  const digests = await begun.finish([], () => 1);
  t.strictSame(digests, await digestsOf(session, disk, { md5: { padding: 0, footer: Buffer.alloc(512) }, tree: true }, 'digest'));
});

t.test('a pass that nobody wants any longer ends at once, and is no failure', async (t) => {
  // The zeros of this disk would take an hour.
  const disk = content(8 * TIB);
  const session = new Session({});
  const begun = beginPass(session, disk, await started(session, disk), all);
  await new Promise((resolve) => { setTimeout(resolve, 200); });
  await begun[Symbol.asyncDispose]();
  t.equal(session.stop.abort.aborted, false);
});

t.test('a disk that cannot be read ends all else at once', async (t) => {
  const failure = new Error('EIO');
  const session = new Session({});
  const disk = content(8 * MIB, () => Promise.reject(failure));
  await using begun = beginPass(session, disk, await started(session, disk), all);
  await new Promise((resolve) => { session.stop.abort.addEventListener('abort', resolve); });
  t.equal(session.stop.abort.reason, failure);
  await t.rejects(begun.finish([], () => 1), failure);
});
