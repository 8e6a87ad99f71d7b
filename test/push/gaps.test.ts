import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { flatten, writeImage } from '../../fixtures/vhd.js';
import { parseBlobUri } from '../../src/azure/location.js';
import { makePushPlan, openDisk, planPush, type PushOptions } from '../../src/index.js';
import { intersect, rangeSet, subtract, totalLength } from '../../src/bytes/range.js';
import { Upload } from '../../src/push/upload.js';
import { scan } from '../../src/content/scan.js';
import { Session } from '../../src/session/session.js';
import { bytesOf, factsOf } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { stage, type Stage } from '../support/stage.js';
import { makeOld, tear } from '../support/vhd-places.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const SIZE = 16 * MIB;
const EVERY = 64 * KIB;
const SECTORS = SIZE / EVERY;

interface Scene extends Stage {
  readonly base: string;
  readonly child: string;
  readonly childImage: Awaited<ReturnType<typeof writeImage>>;
  readonly content: Buffer;
  readonly over: (name: string, more?: PushOptions) => ReturnType<Stage['pushed']>;
  /** Bytes and numbers of the Put Page requests since the records were emptied. */
  readonly written: () => { readonly bytes: number; readonly requests: number };
  readonly assertPushed: (name: string) => Promise<void>;
}

/** A base full of data, and a child with a sector changed in every 64 KiB. */
async function scattered(t: Test): Promise<Scene> {
  const here = await stage(t);
  const { folder, gate, container, uri, pushed } = here;
  const baseWrites = [{ offset: 0, data: randomBytes(SIZE) }];
  const childWrites = Array.from({ length: SECTORS }, (_, index) => ({
    offset: index * EVERY + 8 * KIB,
    data: randomBytes(512),
  }));
  const base = await writeImage({ path: join(folder, 'base.vhd'), type: 'fixed', size: SIZE, writes: baseWrites });
  const childImage = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: SIZE,
    parent: base,
    writes: childWrites,
  });
  const child = childImage.path;
  const content = flatten([
    { size: SIZE, writes: baseWrites },
    { size: SIZE, writes: childWrites },
  ]);
  for (const path of [base.path, child]) await makeOld(path);
  await pushed(base.path, { to: uri('base') });
  gate.records = [];
  const writes = () => gate.records.filter(({ kind }) => kind === 'put-page');
  return {
    ...here,
    base: base.path,
    child,
    childImage,
    content,
    over: (name, more = {}) => pushed(child, { base: uri('base'), to: uri(name), ...more }),
    written: () => ({
      bytes: writes().reduce((sum, { bodyLength }) => sum + bodyLength, 0),
      requests: writes().length,
    }),
    assertPushed: async (name) => {
      t.ok((await bytesOf(container, name)).subarray(0, -512).equals(content), `${name}: equal bytes`);
      t.equal((await factsOf(container, name))?.metadata['vhdup_state'], 'complete');
    },
  };
}

/** Delays Put Page as a line of `bytesPerSecond` does that all requests share, and each by `requestMs` besides. */
function line({ gate }: Stage, bytesPerSecond: number, requestMs: number): void {
  let free = performance.now();
  gate.onRequest = async ({ kind, bodyLength }) => {
    if (kind !== 'put-page') return undefined;
    const now = performance.now();
    free = Math.max(now, free) + (1000 * bodyLength) / bytesPerSecond;
    await sleep(free - now + requestMs);
    return undefined;
  };
}

t.test(
  'scattered sectors over a base: a slow link gets the sectors, a fast one the gaps too, and the blobs are the same',
  async (t) => {
    const scene = await scattered(t);
    const { gate, over, written, assertPushed } = scene;
    line(scene, 512 * KIB, 5);
    const slow = await over('slow', { concurrency: 4 });
    const sent = written();
    // What shows the link, at first, and the sectors.
    t.ok(sent.bytes < MIB, `${sent.bytes} bytes in ${sent.requests} requests`);
    t.equal(slow.sent, sent.bytes);
    t.ok(slow.gaps > 0 && slow.gaps < sent.bytes);
    await assertPushed('slow');

    gate.records = [];
    line(scene, 200 * MIB, 250);
    const fast = await over('fast', { concurrency: 4 });
    t.ok(written().requests < SECTORS / 4, `${written().bytes} bytes in ${written().requests} requests`);
    t.equal(fast.sent, written().bytes);
    t.ok(fast.gaps > SIZE / 2);
    await assertPushed('fast');

    gate.records = [];
    line(scene, 200 * MIB, 5);
    await over('limited', { concurrency: 4, limit: 512 * KIB });
    t.ok(written().bytes < 1.5 * MIB, `a limit: ${written().bytes} bytes in ${written().requests} requests`);
    await assertPushed('limited');
  },
);

t.test(
  'changes too near to each other to show the link are sent alone: a slow link would carry their gaps for ever',
  async (t) => {
    const here = await stage(t);
    const { folder, gate, container, uri, pushed } = here;
    // Pairs 24 KiB apart: with their gaps they are smaller than what shows the link.
    const pairs = SIZE / (256 * KIB);
    const writes = Array.from({ length: pairs }, (_, index) =>
      [0, 24 * KIB].map((at) => ({ offset: index * 256 * KIB + at, data: randomBytes(512) })),
    ).flat();
    const { path } = await writeImage({
      path: join(folder, 'pairs.vhd'),
      type: 'differencing',
      size: SIZE,
      parent: await writeImage({ path: join(folder, 'empty.vhd'), type: 'dynamic', size: SIZE, writes: [] }),
      writes,
    });
    await pushed(join(folder, 'empty.vhd'), { to: uri('empty') });
    line(here, 512 * KIB, 5);
    const { sent } = await pushed(path, { base: uri('empty'), to: uri('pairs'), concurrency: 4 });
    gate.onRequest = () => undefined;
    t.ok(sent < 4 * pairs * 512, `${sent} bytes for ${pairs * 2} sectors`);
    t.ok((await bytesOf(container, 'pairs')).subarray(0, -512).equals(flatten([{ size: SIZE, writes }])));
  },
);

t.test('what an earlier run has written is not sent again, also if it lies between two changes', async (t) => {
  const { child, container, options, uri, gate, written, content } = await scattered(t);
  const client = container.getPageBlobClient('islands');
  await client.create(SIZE + 512);
  const session = new Session(options);
  const blob = await session.blob(parseBlobUri(uri('islands')));
  const writer = { write: (...write: readonly [number, Uint8Array, Uint8Array]) => blob.write(...write, {}) };
  await using disk = await openDisk(child);
  const extents = Array.from({ length: SECTORS }, (_, index) => ({
    offset: index * EVERY + 8 * KIB,
    length: 512,
    kind: 'data' as const,
  }));
  const plan = makePushPlan({
    size: SIZE,
    base: { blobSize: SIZE + 512 },
    extents: extents.flatMap((extent, index) => [
      ...(index % 2 === 0 ? [] : [{ ...extent, offset: extent.offset - 32 * KIB }]),
      extent,
    ]),
  });
  // Of each three, the one in the middle is there.
  const left = plan.write.filter((_, index) => index % 3 !== 1);
  await using upload = new Upload(session, { writer, plan, left, limit: session.scheduler.newLimit() });
  gate.records = [];
  await scan(session, disk, [upload], () => 4);
  const there = subtract(plan.write, left);
  const puts = gate.records.flatMap(({ kind, range }) => (kind === 'put-page' && range ? [range] : []));
  t.strictSame(intersect(rangeSet(puts), there), []);
  t.ok(totalLength(upload.sent.gaps) > 0, 'where nothing is between, gaps are sent');
  t.equal(upload.sent.bytes, written().bytes);
  for (const { offset, length } of rangeSet(puts))
    t.ok((await client.downloadToBuffer(offset, length)).equals(content.subarray(offset, offset + length)));
});

t.test(
  'over a base clears are merged across 16 KiB at most, and the plan says how many there are; --gap 245KiB merges as before',
  async (t) => {
    const { child, env, uri, over, written, assertPushed, gate } = await scattered(t);
    await using disk = await openDisk(child);
    const options = { base: uri('base'), to: uri('planned'), environment: gate.env, cacheFolder: false } as const;
    const { plan } = await planPush(disk, options);
    t.match(plan, {
      gap: 16 * KIB,
      maxGap: 122.5 * KIB,
      totals: { clear: SECTORS * 512, gaps: (SECTORS - 1) * (EVERY - 512) },
    });
    t.equal(plan.clear.length, SECTORS);
    t.equal((await planPush(disk, { ...options, gap: 245 * KIB })).plan.clear.length, 1);

    const args = ['push', child, '--base', uri('base'), '--to', uri('cli')];
    const shown = await runCli([...args, '--dry-run', '--verbose'], env);
    t.match(shown.stdout, /^ {2}clear +128\.0 KiB in 256 requests$/m);
    t.match(shown.stdout, /gaps +at most 15\.8 MiB sent to save requests/);
    const json = JSON.parse((await runCli([...args, '--dry-run', '--json', '--gap', '245 KiB'], env)).stdout) as {
      gap: number;
      maxGap: number;
      ranges: object;
    };
    t.match(json, { gap: 245 * KIB, maxGap: 245 * KIB, ranges: { write: 1, clear: 1 } });
    for (const wrong of ['245', '5MiB', 'wide', ''])
      t.equal((await runCli([...args, `--gap=${wrong}`], env)).exitCode, 2, wrong);

    for (const gap of [-1, NaN, Infinity, 4 * MIB + 1])
      await t.rejects(planPush(disk, { ...options, gap }), { code: 'usage' }, String(gap));
    gate.records = [];
    await over('joined', { gap: 245 * KIB });
    t.match(written(), { bytes: (SECTORS - 1) * EVERY + 2 * 512 });
    t.ok(written().requests < (2 * SIZE) / MIB, `${written().requests} requests`);
    await assertPushed('joined');
    gate.records = [];
    await over('apart', { gap: 0 });
    t.match(written(), { bytes: (SECTORS + 1) * 512, requests: SECTORS + 1 });
    await assertPushed('apart');
  },
);

t.test(
  'over a base that its id alone vouches for, no wide gap is sent: the copy may have other bytes there',
  async (t) => {
    const { folder, gate, base, childImage, container, over, pushed, uri, written } = await scattered(t);
    const other = Buffer.from('not what the base was pushed with');
    const file = await open(base, 'r+');
    await file.write(other, 0, other.length, 40 * KIB);
    await file.close();
    await over('by-id', { baseCheck: 'id' });
    t.match(written(), { bytes: (SECTORS + 1) * 512 });
    t.notOk((await bytesOf(container, 'by-id')).includes(other));

    // The tree digest of such a blob is that of a disk, not of the blob: what is pushed over it knows no more.
    const grandchild = await writeImage({
      path: join(folder, 'grandchild.vhd'),
      type: 'differencing',
      size: SIZE,
      parent: childImage,
      writes: [0, EVERY].map((offset) => ({ offset, data: randomBytes(512) })),
    });
    gate.records = [];
    await pushed(grandchild.path, { base: uri('by-id'), to: uri('by-digest') });
    t.match(written(), { bytes: 3 * 512 });
  },
);

/** Writes to a gap of the ancestor, and puts the old bytes back; the time of modification stays. */
function momentIn({ base }: Scene): { readonly putBack: () => Promise<void>; readonly tear: () => Promise<void> } {
  // Between the first two sectors: sent with them, before the link is known.
  const offset = 40 * KIB;
  const before = Buffer.alloc(512);
  return {
    tear: () =>
      tear(base, async (file) => {
        await file.read(before, 0, before.length, offset);
        await file.write(randomBytes(512), 0, 512, offset);
      }),
    putBack: () =>
      tear(base, async (file) => {
        await file.write(before, 0, before.length, offset);
      }),
  };
}

for (const end of ['goes on', 'is stopped'] as const) {
  t.test(
    `a gap that was sent while the ancestor was another for a moment, in a push that ${end}: it is found and repaired`,
    async (t) => {
      const scene = await scattered(t);
      const { gate, uri, over, assertPushed, container } = scene;
      const { tear: tearGap, putBack } = momentIn(scene);
      const stop = new AbortController();
      // The gaps are read after the base was checked, when the copy is cleared.
      let isTorn = false;
      gate.onRequest = async ({ kind }) => {
        if (kind === 'clear-pages' && !isTorn) {
          isTorn = true;
          await tearGap();
        }
        return undefined;
      };
      let writes = 0;
      gate.onAnswer = async ({ kind }) => {
        if (kind !== 'put-page' || ++writes !== 4) return;
        await putBack();
        if (end === 'is stopped') stop.abort();
      };
      const code = end === 'is stopped' ? 'cancelled' : 'source-changed';
      await t.rejects(over('torn', { contentMd5: 'never', concurrency: 1, cacheFolder: false, signal: stop.signal }), {
        code,
      });
      t.ok(isTorn);
      t.not((await factsOf(container, 'torn'))?.metadata['vhdup_state'], 'complete');
      gate.onRequest = () => undefined;
      gate.onAnswer = () => undefined;
      t.equal((await over('torn', { base: uri('base'), cacheFolder: false })).outcome, 'resumed');
      await assertPushed('torn');
    },
  );
}

t.test(
  '--verify finds other bytes in a gap that was sent, by this run or the one before, and the next run repairs them',
  async (t) => {
    const { gate, container, over, assertPushed } = await scattered(t);
    for (const [name, isStopped] of [
      ['at-once', false],
      ['resumed', true],
    ] as const) {
      const stop = new AbortController();
      let isWrong = false;
      gate.onAnswer = async ({ kind, headers }) => {
        if (kind !== 'put-page' || isWrong || Number(headers['content-length']) < EVERY) return;
        isWrong = true;
        const conditions = { leaseId: String(headers['x-ms-lease-id']) };
        await container.getPageBlobClient(name).uploadPages(Buffer.alloc(512, 7), EVERY - 4 * KIB, 512, { conditions });
        if (isStopped) stop.abort();
      };
      if (isStopped) await t.rejects(over(name, { concurrency: 1, signal: stop.signal }), { code: 'cancelled' });
      await t.rejects(over(name, { verify: 'sent', concurrency: 1 }), {
        code: 'content-differs',
        message: /512 B differ/,
        hint: /run the same command again/,
      });
      t.ok(isWrong);
      gate.onAnswer = () => undefined;
      t.equal((await over(name, { verify: 'sent' })).outcome, 'resumed');
      await assertPushed(name);
    }
  },
);

t.test(
  'a push that was stopped is resumed with its --gap only: with another one, or none, it is refused and stays as it is',
  async (t) => {
    const { gate, container, over, written, assertPushed } = await scattered(t);
    const stop = new AbortController();
    gate.onAnswer = ({ kind }) => {
      if (kind === 'put-page') stop.abort();
      return undefined;
    };
    await t.rejects(over('other', { gap: 64 * KIB, concurrency: 1, signal: stop.signal }), { code: 'cancelled' });
    gate.onAnswer = () => undefined;
    const before = await factsOf(container, 'other');
    for (const gap of [undefined, 0, 245 * KIB])
      await t.rejects(over('other', { gap }), {
        code: 'destination-exists',
        message: /an unfinished push is there, and not this one: .*`gap`/,
      });
    t.strictSame(await factsOf(container, 'other'), before);
    gate.records = [];
    t.equal((await over('other', { gap: 64 * KIB })).outcome, 'resumed');
    t.ok(written().bytes < SIZE);
    await assertPushed('other');
  },
);

t.test(
  'stopped while it repairs what --verify found, a push is compared by the next run, also without --verify',
  async (t) => {
    const { gate, container, over, assertPushed } = await scattered(t);
    let isWrong = false;
    const stop = new AbortController();
    gate.onAnswer = async ({ kind, headers }) => {
      if (kind !== 'put-page' || isWrong || Number(headers['content-length']) < EVERY) return;
      isWrong = true;
      await container.getPageBlobClient('half-repaired').uploadPages(Buffer.alloc(512, 7), EVERY - 4 * KIB, 512, {
        conditions: { leaseId: String(headers['x-ms-lease-id']) },
      });
    };
    // The gap is cleared before the base's bytes are written there.
    gate.onRequest = ({ kind, range }) => {
      if (isWrong && kind === 'clear-pages' && range?.offset === EVERY - 4 * KIB) stop.abort();
      return undefined;
    };
    await t.rejects(over('half-repaired', { verify: 'sent', concurrency: 1, signal: stop.signal }), {
      code: 'cancelled',
    });
    t.ok(stop.signal.aborted);
    gate.onAnswer = () => undefined;
    gate.onRequest = () => undefined;
    t.equal((await over('half-repaired')).outcome, 'resumed');
    await assertPushed('half-repaired');
  },
);
