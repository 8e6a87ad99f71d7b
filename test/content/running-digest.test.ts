import t from 'tap';
import { ContentDigests } from '../../src/content/content-digests.js';
import type { Content, DigestComputation } from '../../src/content/digest-computation.js';
import { RunningDigest, digestsOf } from '../../src/content/running-digest.js';
import { Session } from '../../src/session/session.js';

const MIB = 1024 ** 2;
const TIB = 1024 ** 4;
const REQUEST = { md5: { padding: 512, footer: Buffer.alloc(512, 3) }, tree: true };

/** A disk that has one MiB of data, at its beginning. */
function content(size: number, read: Content['read'] = (_, into) => Promise.resolve(void into.fill(7))): Content {
  return {
    size,
    read,
    extentBatches: async function* extentBatches() {
      yield await Promise.resolve([{ kind: 'data', layer: 0, offset: 0, length: MIB }]);
    },
  };
}

const ready = (session: Session, of: Content): Promise<DigestComputation> =>
  ContentDigests.start(session, of, REQUEST, { phase: 'digest' });
const all = () => true;

/** A session, and when it has told of so many bytes. */
function listening(bytes: number): { session: Session; isReached: Promise<void> } {
  let reach: () => void = () => undefined;
  const isReached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const session = new Session({
    onEvent: (event) => {
      if (event.type === 'progress' && event.done >= bytes) reach();
    },
  });
  return { session, isReached };
}

t.test('who reads apart begins at once, goes on to the end, and the digests are the same', async (t) => {
  const { session, isReached } = listening(8 * MIB);
  const disk = content(8 * MIB);
  await using begun = new RunningDigest(session, disk, ready(session, disk), ({ ranges }) => ranges.length > 0);
  // Up to the zeros behind the last byte that is read, before anybody asks for the digests.
  await isReached;
  t.strictSame(await begun.finish([], () => 1), await digestsOf(new Session({}), disk, REQUEST, { phase: 'digest' }));
});

t.test('part of it apart, the rest with others: the same digests', async (t) => {
  const session = new Session({});
  const disk = content(8 * MIB);
  await using begun = new RunningDigest(session, disk, ready(session, disk), ({ wantsZeros }) => wantsZeros === true);
  t.strictSame(await begun.finish([], () => 1), await digestsOf(session, disk, REQUEST, { phase: 'digest' }));
});

t.test('a pass that nobody wants any longer ends at once, and is no failure', async (t) => {
  // The zeros of this disk take hours.
  const disk = content(8 * TIB);
  const { session, isReached } = listening(64 * MIB);
  const begun = new RunningDigest(session, disk, ready(session, disk), all);
  await isReached;
  await begun[Symbol.asyncDispose]();
  await begun[Symbol.asyncDispose]();
  t.equal(session.stop.abort.aborted, false);
});

t.test('it ends as soon where no other thread has anything to do', async (t) => {
  const [LEAF, EXTENTS] = [64 * 1024, 1024];
  let reads = 0;
  const disk: Content = {
    size: 2 * LEAF * EXTENTS,
    read: () => Promise.resolve(void reads++),
    extentBatches: async function* extentBatches() {
      yield await Promise.resolve(
        Array.from({ length: EXTENTS }, (_, at) => ({
          kind: 'data' as const,
          layer: 0,
          offset: 2 * LEAF * at,
          length: LEAF,
        })),
      );
    },
  };
  const { session, isReached } = listening(1);
  const begun = new RunningDigest(
    session,
    disk,
    ContentDigests.start(session, disk, { tree: true }, { phase: 'digest' }),
    all,
  );
  await isReached;
  await begun[Symbol.asyncDispose]();
  t.ok(reads < EXTENTS / 2, `${reads} reads`);
});

t.test('a disk that cannot be read ends all else at once', async (t) => {
  const failure = new Error('EIO');
  const session = new Session({});
  const disk = content(8 * MIB, () => Promise.reject(failure));
  await using begun = new RunningDigest(session, disk, ready(session, disk), all);
  await new Promise((resolve) => {
    session.stop.abort.addEventListener('abort', resolve);
  });
  t.equal(session.stop.abort.reason, failure);
  await t.rejects(
    begun.finish([], () => 1),
    failure,
  );
});

t.test('a pass that does not become ready ends all else too', async (t) => {
  const failure = new Error('ENOMEM');
  const session = new Session({});
  await using begun = new RunningDigest(session, content(MIB), Promise.reject(failure), all);
  await new Promise((resolve) => {
    session.stop.abort.addEventListener('abort', resolve);
  });
  t.equal(session.stop.abort.reason, failure);
  await t.rejects(
    begun.finish([], () => 1),
    failure,
  );
});
