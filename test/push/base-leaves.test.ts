import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  makeLeafList,
  openDisk,
  planPush,
  push,
  sealBlob,
  type PushOptions,
  type SessionEvent,
} from '../../src/index.js';
import { bytesOf, endBreak } from '../support/blobs.js';
import { stage } from '../support/stage.js';

const LEAF = 64 * 1024;

/** A disk of 32 leaves, each with a byte of its own; `changed` leaves have other bytes. */
function content(...changed: number[]): Buffer {
  return Buffer.concat(
    Array.from({ length: 32 }, (_, leaf) => Buffer.alloc(LEAF, changed.includes(leaf) ? 200 + leaf : 1 + leaf)),
  );
}

async function scene(t: Test) {
  const set = await stage(t);
  const { folder, container, options, uri } = set;
  const disk = async (name: string, bytes: Buffer) => {
    await writeFile(join(folder, name), bytes);
    return join(folder, name);
  };
  const opened = async <T>(path: string, use: (disk: Awaited<ReturnType<typeof openDisk>>) => Promise<T>) => {
    await using opened = await openDisk(path, { format: 'raw' });
    return await use(opened);
  };
  const pushed = async (path: string, name: string, more: PushOptions = {}) => {
    const result = await opened(path, (disk) => push(disk, { ...options, cacheFolder: false, to: uri(name), ...more }));
    await endBreak(container, name);
    return result;
  };
  const planned = (path: string, more: PushOptions) =>
    opened(path, (disk) => planPush(disk, { ...options, cacheFolder: false, to: uri('new'), ...more }));
  return { ...set, disk, pushed, planned };
}

t.test('a list that only its ETag proves is warned of, and is none if the base has to be sealed', async (t) => {
  const { container, disk, pushed, uri, options } = await scene(t);
  const [first, second] = [await disk('v1', content()), await disk('v2', content(5))];
  await pushed(first, 'v1', { leafList: false });
  // As another tool would have uploaded it: without metadata, and without Content-MD5.
  const bytes = await bytesOf(container, 'v1');
  const foreign = container.getPageBlobClient('foreign');
  await foreign.create(bytes.length);
  await foreign.uploadPages(bytes, 0, bytes.length);
  await makeLeafList(uri('foreign'), options);
  const over = { base: uri('foreign'), compare: 'leaves' } as const;
  const { warnings, base } = await pushed(second, 'v2', over);
  t.match(base, { check: 'leaves' });
  t.match(warnings, [
    {},
    { code: 'base-leaves-unproved', hint: /`readBase`.*`baseDisk`/ },
    { code: 'base-not-sealed' },
  ]);
  t.ok((await bytesOf(container, 'v2')).subarray(0, -512).equals(content(5)));

  await sealBlob(uri('foreign'), options);
  await t.rejects(pushed(second, 'v3', { ...over, requireSealedBase: true }), {
    code: 'base-mismatch',
    message: /no tree digest that proves it, and the list itself is not sealed$/,
  });
  t.match(
    await pushed(second, 'v3', { ...over, requireSealedBase: true, readBase: true }),
    { sent: LEAF + 512, base: { check: 'leaves' } },
    'what was read of the sealed blob itself counts',
  );
});

t.test('of versions of an image, one whose list is damaged is left out, and the next best is the base', async (t) => {
  const { container, disk, pushed, planned, uri } = await scene(t);
  const versions = { v1: content(1, 2, 3, 4, 5, 6), v2: content(1), v3: content(1, 2, 3) };
  for (const [name, bytes] of Object.entries(versions)) {
    await pushed(await disk(name, bytes), name, { image: 'golden', base: undefined, compare: 'layers' });
  }
  const next = await disk('next', content(1, 9));
  const chosen = async () => (await planned(next, { image: 'golden' })).base?.blob;
  t.equal(await chosen(), uri('v2'));
  const list = container.getBlockBlobClient('v2.vhdup-leaves');
  const bytes = await list.downloadToBuffer();
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 40) ^ 1, bytes.length - 40);
  await list.upload(bytes, bytes.length);
  t.equal(await chosen(), uri('v3'));
});

t.test('options of a base that contradict each other are refused before anything is done', async (t) => {
  const { disk, planned, uri, gate } = await scene(t);
  const path = await disk('v1', content());
  const base = uri('v1');
  const before = gate.records.length;
  for (const baseCheck of ['id', 'md5'] as const)
    await t.rejects(planned(path, { base, compare: 'leaves', baseCheck } as PushOptions), { code: 'usage' }, baseCheck);
  for (const lone of [{ readBase: true }, { compare: 'leaves' as const }])
    await t.rejects(planned(path, lone), { code: 'usage', message: /needs a base: name it with `base`/ });
  await using other = await openDisk(path, { format: 'raw' });
  await t.rejects(planned(path, { baseDisk: other }), { code: 'usage', message: /`baseDisk` needs a base/ });
  t.equal(gate.records.length, before, 'without a request');
});

t.test(
  'an unfinished push whose base has lost its list is not resumed over another base, and the reason is noted',
  async (t) => {
    const { container, disk, gate, pushed } = await scene(t);
    await pushed(await disk('v1', content()), 'v1', { image: 'golden' });
    const next = await disk('next', content(3, 9));
    gate.onRequest = ({ kind }) => (kind === 'put-page' ? { status: 403 } : undefined);
    await t.rejects(pushed(next, 'next', { image: 'golden' }));
    gate.onRequest = () => undefined;
    const list = container.getBlockBlobClient('v1.vhdup-leaves');
    const bytes = await list.downloadToBuffer();
    await list.delete();
    const notes: string[] = [];
    const onEvent = (event: SessionEvent) => void (event.type === 'note' && notes.push(event.message));
    await t.rejects(pushed(next, 'next', { image: 'golden', onEvent }), { code: 'destination-exists' });
    t.match(notes[0], /^the base of the unfinished push cannot be used again: .*v1: .*there is no such list$/);
    await list.upload(bytes, bytes.length);
    t.match(await pushed(next, 'next', { image: 'golden' }), { outcome: 'resumed', base: { check: 'leaves' } });
    t.ok((await bytesOf(container, 'next')).subarray(0, -512).equals(content(3, 9)));
  },
);
