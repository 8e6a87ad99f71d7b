import t from 'tap';
import { PASSING_FAULTS, REFUSALS, atNth, atRandom, type Fault } from './faults.js';
import type { GateRecord } from './record.js';
import { gateScene, refusalOf } from './scene.js';

const page = Buffer.alloc(512, 7);

/** What a client sees of each fault, and whether the request was done. */
const EXPECTED: Readonly<Record<Fault, { seen: object | undefined; done: boolean }>> = {
  'operation-timed-out': { seen: { status: 500, code: 'OperationTimedOut' }, done: false },
  'server-busy': { seen: { status: 503, code: 'ServerBusy' }, done: false },
  'server-busy-retry-after': { seen: { status: 503, code: 'ServerBusy' }, done: false },
  'too-many-requests': { seen: { status: 429, code: 'TooManyRequests' }, done: false },
  'request-time-out': { seen: { status: 408, code: 'RequestTimeout' }, done: false },
  'expired-sas': { seen: { status: 403, code: 'AuthenticationFailed' }, done: false },
  'reset-before-body': { seen: { status: undefined }, done: false },
  'reset-during-body': { seen: { status: undefined }, done: false },
  'reset-after-body': { seen: { status: undefined }, done: false },
  'answer-lost': { seen: { status: undefined }, done: true },
  slow: { seen: undefined, done: true },
  silent: { seen: { status: undefined }, done: false },
  'silent-after': { seen: { status: undefined }, done: true },
  truncated: { seen: {}, done: true },
  halved: { seen: undefined, done: true },
  unresolved: { seen: { status: undefined }, done: false },
  refused: { seen: { status: undefined }, done: false },
};

t.test('each fault is what it says: the client sees it, and the request is done or is not', async (t) => {
  const { gate, blob, container } = await gateScene(t);
  t.strictSame(new Set([...PASSING_FAULTS, ...Object.keys(REFUSALS)]), new Set(Object.keys(EXPECTED)), 'all are known');
  for (const [fault, { seen, done }] of Object.entries(EXPECTED) as [
    Fault,
    { seen: object | undefined; done: boolean },
  ][]) {
    await container.getPageBlobClient('disk').clearPages(0, 512);
    gate.faults = atNth('put-page', 1, fault);
    const found = await refusalOf(
      blob.uploadPages(page, 0, 512, { abortSignal: AbortSignal.timeout(fault.startsWith('silent') ? 50 : 5000) }),
    );
    if (seen) t.match(found, seen, fault);
    else t.equal(found, undefined, fault);
    await gate.idle();
    t.equal(
      (await container.getBlobClient('disk').downloadToBuffer(0, 1))[0],
      done ? 7 : 0,
      `${fault}: ${done ? 'done' : 'not done'}`,
    );
    if (fault === 'unresolved' || fault === 'refused')
      t.match(await refusalOf(blob.getProperties()), {
        code: fault === 'refused' ? /ECONNREFUSED|EADDRNOTAVAIL|ENETUNREACH/ : 'ENOTFOUND',
      });
    t.equal(await refusalOf(blob.getProperties()), undefined, `${fault}: it passes`);
  }
});

t.test('an answer without a body can be cut short too', async (t) => {
  const { gate, blob } = await gateScene(t);
  gate.faults = atNth('properties', 1, 'truncated');
  t.ok(await refusalOf(blob.getProperties()));
});

t.test('a fault comes at the request that was named, as often as was named; one with a seed comes again', (t) => {
  const records = (['lease', 'put-page', 'put-page', 'lease', 'put-page', 'put-page'] as const).map(
    (kind) => ({ kind }) as GateRecord,
  );
  t.strictSame(records.map(atNth('put-page', 2, 'silent', 2)), [
    undefined,
    undefined,
    'silent',
    undefined,
    'silent',
    undefined,
  ]);
  const many = Array.from({ length: 1000 }, () => ({ kind: 'read' }) as GateRecord);
  const drawn = many.map(atRandom(7, 0.1, ['slow', 'silent']));
  t.strictSame(many.map(atRandom(7, 0.1, ['slow', 'silent'])), drawn);
  const met = drawn.filter((fault) => fault !== undefined);
  t.ok(met.length > 60 && met.length < 140, `${met.length} of 1000`);
  t.same(new Set(met), new Set(['slow', 'silent']));
  t.end();
});

t.test(
  'a request is recorded with its range, the digest of its bytes, and the bytes where that is asked for',
  async (t) => {
    const { gate, blob } = await gateScene(t);
    await blob.uploadPages(page, 512, 512);
    t.match(gate.records, [
      {
        kind: 'put-page',
        range: { offset: 512, length: 512 },
        bodyLength: 512,
        bodyMd5: 'VbfHPXOxxEhm8OOxA7IHqw==',
        body: undefined,
        status: 201,
      },
    ]);
    gate.keepsBodies = true;
    await blob.uploadPages(page, 1024, 512);
    t.ok(gate.records[1]?.body?.equals(page));
  },
);
