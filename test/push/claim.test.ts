import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { PushOptions } from '../../src/index.js';
import { smallScene, type SmallScene } from '../trust/small-scene.js';

const KIB = 1024;
const REFUSED = { status: 403, headers: { 'x-ms-error-code': 'AuthorizationFailure' } };
const full = ({ uri }: SmallScene, name: string): PushOptions => ({ base: undefined, to: uri(name), concurrency: 1 });

/** Where the child, its base and their blob have something: see `smallScene`. */
const PLACES = {
  'a page that was written already': 0,
  'a page that is yet to be written': 240 * KIB + 8 * KIB,
  'a page that is zero in the disk': 100 * KIB,
};

/** Begins a push that is refused at its n-th Put Page: an orderly end, with the lease given back. */
async function begun(scene: SmallScene, name: string, more: PushOptions = {}, puts = 3): Promise<void> {
  const { gate, endOf, pushed } = scene;
  let count = 0;
  gate.onRequest = ({ kind, url }) =>
    kind === 'put-page' && url.includes(`/${name}`) && ++count >= puts ? REFUSED : undefined;
  await endOf(pushed(name, { concurrency: 1, ...more }), name);
  gate.onRequest = () => undefined;
  gate.records = [];
}

/** What a run did with a blob: bytes of content fetched, places written, copies. */
function workOn({ gate, content }: SmallScene, name: string) {
  const records = gate.records.filter(({ url, status }) => url.includes(`/${name}`) && status < 300);
  const inDisk = ({ range }: { range: { offset: number } | undefined }) =>
    range !== undefined && range.offset < content.length;
  return {
    reads: records.filter((record) => record.kind === 'read' && inDisk(record)).length,
    puts: records
      .filter((record) => record.kind === 'put-page' && inDisk(record))
      .flatMap(({ range }) => (range ? [range] : [])),
    copies: records.filter(({ kind }) => kind === 'copy').length,
  };
}

t.test('after an orderly end, nothing is fetched or sent twice if nobody wrote meanwhile', async (t) => {
  const scene = await smallScene(t);
  for (const [name, more] of [
    ['orderly-full', full(scene, 'orderly-full')],
    ['orderly-over', {}],
  ] as const) {
    await begun(scene, name, more);
    const there = await pagesOf(scene, name);
    t.match(await scene.pushed(name, more), { outcome: 'resumed' });
    const work = workOn(scene, name);
    t.equal(work.reads, 0);
    t.equal(work.copies, 0);
    if (more.base === undefined && 'to' in more)
      t.notOk(
        work.puts.some(({ offset }) => there.has(offset)),
        'what was there is not sent again',
      );
    await scene.assertPushed(name);
  }
});

for (const [what, offset] of Object.entries(PLACES)) {
  t.test(`after an orderly end of a full push, ${what} and that somebody else wrote to is made right`, async (t) => {
    const scene = await smallScene(t);
    await begun(scene, 'foreign', full(scene, 'foreign'));
    await scene.container.getPageBlobClient('foreign').uploadPages(randomBytes(512), offset, 512);
    t.match(await scene.pushed('foreign', full(scene, 'foreign')), { outcome: 'resumed' });
    await scene.assertPushed('foreign');
  });
}

for (const [what, offset] of Object.entries({ ...PLACES, 'a page that was copied': 130 * KIB })) {
  t.test(
    `after an orderly end of a push over a base, ${what} and that somebody else wrote to is made right, by another copy`,
    async (t) => {
      const scene = await smallScene(t);
      await begun(scene, 'foreign');
      await scene.container.getPageBlobClient('foreign').uploadPages(randomBytes(512), offset, 512);
      await scene.pushed('foreign');
      t.equal(workOn(scene, 'foreign').copies, 1);
      await scene.assertPushed('foreign');
      await scene.assertBaseIntact();
    },
  );
}

t.test(
  'if more was written than the base gave, all is compared instead of copied again; what was copied wrong is made right',
  async (t) => {
    const scene = await smallScene(t);
    const { container, pushed, gate } = scene;
    for (const state of ['a changed page', 'a cleared page', 'a foreign page']) {
      const name = state.replaceAll(' ', '-');
      // All is written but the footer.
      await begun(scene, name, { baseCheck: 'id' }, 4);
      // A base with next to nothing in it.
      const listed = {
        status: 200,
        headers: { 'content-type': 'application/xml' },
        body: '<?xml version="1.0"?><PageList><PageRange><Start>0</Start><End>511</End></PageRange></PageList>',
      };
      gate.onRequest = ({ kind, url }) => (kind === 'page-ranges' && url.includes('/base') ? listed : undefined);
      const blob = container.getPageBlobClient(name);
      if (state === 'a changed page') await blob.uploadPages(randomBytes(512), 130 * KIB, 512);
      if (state === 'a cleared page') await blob.clearPages(131 * KIB, 1024);
      if (state === 'a foreign page') await blob.uploadPages(randomBytes(512), 220 * KIB, 512);
      await pushed(name, { baseCheck: 'id' });
      t.equal(workOn(scene, name).copies, 0);
      await scene.assertPushed(name, state);
      gate.onRequest = () => undefined;
    }
  },
);

t.test(
  'a copy that somebody writes to before the first lease is copied again; one who goes on with that is named',
  async (t) => {
    const scene = await smallScene(t);
    const { gate, container, pushed, assertPushed } = scene;
    let left = 1;
    gate.onRequest = async ({ kind, url, headers }) => {
      if (kind !== 'lease' || headers['x-ms-lease-action'] !== 'acquire' || !url.includes('/raced') || left-- <= 0)
        return undefined;
      // Last-Modified counts in seconds: once in the second of the copy, then in a later one.
      if (url.includes('/raced-')) await sleep(1100);
      await container
        .getPageBlobClient(/raced[-\d]*/.exec(url)?.[0] ?? '')
        .uploadPages(randomBytes(512), 130 * KIB, 512);
      return undefined;
    };
    await pushed('raced');
    t.equal(workOn(scene, 'raced').copies, 2);
    await assertPushed('raced');
    left = 1;
    await pushed('raced-1');
    await assertPushed('raced-1');
    left = Infinity;
    await t.rejects(pushed('raced-2'), {
      code: 'destination-busy',
      message: /as soon as the base is copied/,
      hint: /./,
    });
    gate.onRequest = () => undefined;
    await pushed('raced-2');
    await assertPushed('raced-2');
  },
);

t.test(
  'a copy that had ended before this run saw it is made again if nobody holds it: a write in the second of its completion would not show',
  async (t) => {
    const scene = await smallScene(t);
    const { gate, container, endOf, pushed, assertPushed } = scene;
    gate.onRequest = ({ kind, url }) => (kind === 'lease' && url.includes('/early') ? REFUSED : undefined);
    await endOf(pushed('early'), 'early');
    await container.getPageBlobClient('early').uploadPages(randomBytes(512), 130 * KIB, 512);
    gate.onRequest = () => undefined;
    gate.records = [];
    await pushed('early');
    t.equal(workOn(scene, 'early').copies, 1);
    await assertPushed('early');
  },
);

t.test('what somebody writes to an empty blob before the first lease does not stay', async (t) => {
  const scene = await smallScene(t);
  const { gate, container, pushed, assertPushed } = scene;
  let isDone = false;
  gate.onRequest = async ({ kind, url }) => {
    if (kind !== 'lease' || isDone || !url.includes('/empty')) return undefined;
    isDone = true;
    for (const offset of [0, 100 * KIB])
      await container.getPageBlobClient('empty').uploadPages(randomBytes(512), offset, 512);
    return undefined;
  };
  await pushed('empty', full(scene, 'empty'));
  t.ok(isDone);
  await assertPushed('empty');
});

/** Breaks off a push as a crash does: its lease stays. */
async function crashed(t: Test, scene: SmallScene, name: string, more: PushOptions): Promise<void> {
  const { gate, endOf, pushed } = scene;
  let count = 0;
  gate.onRequest = ({ kind, url, headers }) => {
    if (!url.includes(`/${name}`)) return undefined;
    if (kind === 'put-page' && ++count >= 3) return REFUSED;
    // From the first refusal on nothing of the orderly end gets through.
    return count >= 3 && (kind === 'lease' || kind === 'properties') && headers['x-ms-lease-action'] !== 'renew'
      ? REFUSED
      : undefined;
  };
  await endOf(pushed(name, { concurrency: 1, ...more }), name);
  gate.onRequest = () => undefined;
  gate.records = [];
  t.equal((await scene.container.getBlobClient(name).getProperties()).leaseState, 'leased');
}

t.test(
  'another machine goes on under the lease of a crashed push once that has run out: nothing is fetched, copied or sent twice',
  async (t) => {
    const scene = await smallScene(t);
    for (const [name, more] of [
      ['moved-full', full(scene, 'moved-full')],
      ['moved-over', {}],
    ] as const) {
      await crashed(t, scene, name, more);
      const there = await pagesOf(scene, name);
      let isWaiting = false;
      const elsewhere: PushOptions = {
        ...more,
        stateFolder: join(scene.folder, `elsewhere-${name}`),
        onEvent: (event) => {
          if (event.type !== 'note' || !event.message.includes('waiting')) return;
          isWaiting = true;
          scene.azurite.expireLease('vhds', name);
        },
      };
      t.match(await scene.pushed(name, elsewhere), { outcome: 'resumed' });
      t.ok(isWaiting);
      const work = workOn(scene, name);
      t.equal(work.reads, 0);
      t.equal(work.copies, 0);
      if (name === 'moved-full')
        t.notOk(
          work.puts.some(({ offset }) => there.has(offset)),
          'what was there is not sent again',
        );
      await scene.assertPushed(name);
    }
  },
);

t.test('another machine trusts nothing if somebody wrote after the lease of a crashed push had run out', async (t) => {
  const scene = await smallScene(t);
  for (const [name, more] of [
    ['written-full', full(scene, 'written-full')],
    ['written-over', {}],
  ] as const) {
    for (const [what, offset] of Object.entries(PLACES)) {
      const blob = `${name}-${offset}`;
      const to = { ...more, to: scene.uri(blob) };
      await crashed(t, scene, blob, to);
      scene.azurite.expireLease('vhds', blob);
      await scene.container.getPageBlobClient(blob).uploadPages(randomBytes(512), offset, 512);
      await scene.pushed(blob, { ...to, stateFolder: join(scene.folder, `elsewhere-${blob}`) });
      t.equal(workOn(scene, blob).copies, name === 'written-over' ? 1 : 0);
      await scene.assertPushed(blob, `${name}, ${what}`);
    }
  }
});

async function pagesOf({ container }: SmallScene, name: string): Promise<Set<number>> {
  const there = new Set<number>();
  for await (const { start, end, isClear } of container.getPageBlobClient(name).listPageRanges()) {
    if (!isClear) for (let offset = start; offset < end; offset += 512) there.add(offset);
  }
  return there;
}
