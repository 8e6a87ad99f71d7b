import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import {
  fixedFooterOf,
  openDisk,
  verify,
  type PushOptions,
  type VerifyOptions,
  type VerifyResult,
} from '../../src/index.js';
import { hideWrites } from '../support/blobs.js';
import { chains, writeChain } from '../support/chains.js';
import { runCli } from '../support/cli.js';
import { threeLevels } from '../support/push-scene.js';
import { stage } from '../support/stage.js';

const MIB = 1024 * 1024;
const NONE = { first: [], count: 0, bytes: 0 };

async function setting(t: Test) {
  const set = await stage(t);
  const compared = async (path: string, name: string, more: VerifyOptions = {}): Promise<VerifyResult> => {
    await using disk = await openDisk(path);
    return await verify(disk, set.uri(name), { ...set.options, ...more });
  };
  const pushed = (path: string, name: string, more: PushOptions = {}) =>
    set.pushed(path, { to: set.uri(name), ...more });
  return { ...set, compared, pushed };
}

t.test('what was pushed equals the disk; what nobody stores is neither read nor fetched', async (t) => {
  const { folder, gate, compared, pushed } = await setting(t);
  const scene = await threeLevels(folder);
  const { sent } = await pushed(scene.child, 'disk');
  gate.records = [];
  const result = await compared(scene.child, 'disk');
  t.match(result, { equal: true, depth: 'content', differences: NONE, contentMd5Check: 'equal', problems: [] });
  const fetched = gate.records
    .filter(({ kind }) => kind === 'read')
    .reduce((sum, { range }) => sum + (range?.length ?? 0), 0);
  t.equal(fetched, result.fetched + 512, 'the footer and what is told');
  t.ok(result.fetched < sent + MIB, `${result.fetched} bytes fetched of ${sent} sent`);
});

t.test('every differing page is found, on either side, and named', async (t) => {
  const { folder, container, compared, pushed } = await setting(t);
  const scene = await threeLevels(folder);
  await pushed(scene.child, 'disk');
  const blob = container.getPageBlobClient('disk');
  await blob.clearPages(2 * MIB, 1024);
  await blob.uploadPages(Buffer.alloc(512, 1), 4 * MIB, 512);
  const changed = Buffer.from(scene.content.subarray(6 * MIB, 6 * MIB + 512));
  changed.writeUInt8(changed.readUInt8(511) ^ 1, 511);
  await blob.uploadPages(changed, 6 * MIB, 512);
  const expected = [
    { offset: 2 * MIB, length: 1024 },
    { offset: 4 * MIB, length: 512 },
    { offset: 6 * MIB, length: 512 },
  ];
  t.match(
    await compared(scene.child, 'disk'),
    { equal: false, differences: { first: expected, count: 3, bytes: 2048 }, contentMd5Check: 'equal' },
    'though Content-MD5 is as it was',
  );
  t.match(
    await compared(scene.child, 'disk', { deep: false }),
    {
      equal: false,
      depth: 'records',
      fetched: 0,
      differences: { first: [{ offset: 2 * MIB, length: 1024 }], count: 1 },
    },
    'what only the disk has needs no fetching',
  );
});

t.test('written zeros are no difference', async (t) => {
  const { folder, container, compared, pushed } = await setting(t);
  const scene = await threeLevels(folder);
  await pushed(scene.child, 'disk');
  await container.getPageBlobClient('disk').uploadPages(Buffer.alloc(MIB), 4 * MIB, MIB);
  t.match(await compared(scene.child, 'disk'), { equal: true, allocation: { onlyBlob: MIB } });
  t.match(await compared(scene.child, 'disk', { deep: false }), { equal: true, allocation: { onlyBlob: MIB } });
});

t.test('any chain against a blob with any pages changed: exactly those are named', async (t) => {
  const { folder, container, compared, pushed } = await setting(t);
  const seed = Date.now();
  t.comment(`seed ${seed}`);
  let run = 0;
  const changes = fc.array(fc.record({ at: fc.nat(2999), count: fc.integer({ min: 1, max: 20 }), fill: fc.nat(2) }), {
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(chains, changes, async (specs, list) => {
      const own = await mkdtemp(join(folder, 'chain-'));
      const layers = await writeChain(own, specs);
      const top = layers.at(-1);
      if (!top) return;
      const name = `run-${++run}`;
      await pushed(top.path, name);
      const now = Buffer.from(top.content);
      for (const { at, count, fill } of list) {
        const offset = (at * 512) % now.length;
        const length = Math.min(count * 512, now.length - offset);
        now.fill(fill, offset, offset + length);
        const blob = container.getPageBlobClient(name);
        await (fill === 0
          ? blob.clearPages(offset, length)
          : blob.uploadPages(now.subarray(offset, offset + length), offset, length));
      }
      const pages = Array.from(
        { length: now.length / 512 },
        (_, page) =>
          !now.subarray(page * 512, page * 512 + 512).equals(top.content.subarray(page * 512, page * 512 + 512)),
      );
      const { differences, equal } = await compared(top.path, name);
      const bytes = pages.filter(Boolean).length * 512;
      const count = pages.filter((differs, page) => differs && !pages[page - 1]).length;
      if (differences.bytes !== bytes || differences.count !== count || equal !== (bytes === 0))
        throw new Error(`${JSON.stringify(differences)} instead of ${bytes} bytes in ${count} ranges`);
      await rm(own, { recursive: true });
    }),
    { numRuns: 30, seed },
  );
  t.pass('30 chains');
});

t.test('another footer, another size, an unfinished push and a stale Content-MD5 are told', async (t) => {
  const { folder, container, compared, pushed } = await setting(t);
  const scene = await threeLevels(folder);
  await pushed(scene.child, 'disk');
  t.match(await compared(scene.middle, 'disk'), { equal: false, problems: [/its unique id is .*, the disk's is/] });
  const blob = container.getPageBlobClient('disk');
  await blob.setHTTPHeaders({ blobContentMD5: randomBytes(16) });
  t.match(await compared(scene.child, 'disk'), {
    equal: false,
    differences: NONE,
    contentMd5Check: 'other',
    problems: [/Content-MD5/],
  });
  await blob.setMetadata({ ...(await blob.getProperties()).metadata, vhdup_state: 'writing' });
  t.match(await compared(scene.child, 'disk'), {
    equal: false,
    problems: [/an unfinished push \(writing\)/, /Content-MD5/],
  });
  await blob.resize(5 * MIB);
  t.match(await compared(scene.child, 'disk'), {
    equal: false,
    problems: [/unfinished/, /it has 5242880 bytes, the disk with its footer/, /no footer/],
  });
  await t.rejects(compared(scene.child, 'nowhere'), { code: 'disk-unreadable' });
  await container.getBlockBlobClient('block').upload('text', 4);
  await t.rejects(compared(scene.child, 'block'), { code: 'disk-unsupported', message: /BlockBlob/ });
});

t.test(
  'a blob that is padded as older uploaders do equals the disk; anything but zeros in the padding differs',
  async (t) => {
    const { folder, container, compared } = await setting(t);
    const { path } = await writeImage({
      path: join(folder, 'odd.vhd'),
      type: 'dynamic',
      size: 3 * MIB + 512,
      writes: [{ offset: 0, data: randomBytes(MIB) }],
    });
    await using disk = await openDisk(path);
    const content = Buffer.alloc(4 * MIB);
    await disk.read(0, content.subarray(0, disk.size));
    const blob = container.getPageBlobClient('padded');
    await blob.create(4 * MIB + 512);
    await blob.uploadPages(content, 0, 4 * MIB);
    await blob.uploadPages(fixedFooterOf(disk), 4 * MIB, 512);
    t.match(await compared(path, 'padded'), { equal: true, problems: [] });
    await blob.uploadPages(Buffer.alloc(512, 1), 3 * MIB + 512, 512);
    t.match(await compared(path, 'padded'), {
      equal: false,
      differences: { first: [{ offset: 3 * MIB + 512, length: 512 }] },
    });
  },
);

t.test('a blob that changes meanwhile is no result', async (t) => {
  const { folder, gate, container, compared, pushed } = await setting(t);
  const scene = await threeLevels(folder);
  await pushed(scene.child, 'disk');
  let reads = 0;
  gate.onRequest = async ({ kind }) => {
    if (kind === 'read' && ++reads === 2) await container.getPageBlobClient('disk').setMetadata({});
    return undefined;
  };
  await t.rejects(compared(scene.child, 'disk', { concurrency: 1 }), {
    code: 'source-changed',
    message: /changed while it was compared/,
  });
});

t.test('disks and blobs beyond 2^32 bytes are compared where they have something', async (t) => {
  const { folder, container, compared } = await setting(t);
  const size = 2040 * 1024 ** 3;
  const last = randomBytes(4096);
  const { path } = await writeImage({
    path: join(folder, 'huge.vhd'),
    type: 'dynamic',
    size,
    writes: [
      { offset: 5 * 1024 ** 3, data: last },
      { offset: size - 4096, data: last },
    ],
  });
  await using disk = await openDisk(path);
  const blob = container.getPageBlobClient('huge');
  await blob.create(size + 512);
  await blob.uploadPages(last, 5 * 1024 ** 3, 4096);
  await blob.uploadPages(last, size - 4096, 4096);
  await blob.uploadPages(fixedFooterOf(disk), size, 512);
  t.match(await compared(path, 'huge'), { equal: true, contentMd5Check: 'absent', differences: NONE });
  await blob.clearPages(size - 512, 512);
  t.match(await compared(path, 'huge'), {
    equal: false,
    differences: { first: [{ offset: size - 512, length: 512 }], count: 1 },
  });
});

t.test('the command says which ranges differ, and has an exit code of its own', async (t) => {
  const { folder, gate, container, uri, pushed } = await setting(t);
  const scene = await threeLevels(folder);
  await pushed(scene.child, 'disk');
  const equal = await runCli(['verify', scene.child, uri('disk')], gate.env);
  t.equal(equal.exitCode, 0, equal.stderr);
  t.match(equal.stdout, /equals the disk/);
  await container.getPageBlobClient('disk').clearPages(2 * MIB, 1024);
  const differs = await runCli(['verify', scene.child, uri('disk')], gate.env);
  t.equal(differs.exitCode, 9);
  t.match(differs.stdout, /differs from the disk[^]*1\.0 KiB in 1 range[^]* 2097152 +1024/);
  const { stdout, exitCode } = await runCli(['verify', scene.child, uri('disk'), '--json', '--deep=false'], gate.env);
  t.equal(exitCode, 9);
  t.match(JSON.parse(stdout), { vhdup: 2, equal: false, depth: 'records', differences: { count: 1, bytes: 1024 } });
  t.equal((await runCli(['verify', uri('disk'), scene.child], gate.env)).exitCode, 2);
  const pushedToo = await runCli(['push', '--verify', scene.child, '--to', uri('verified')], gate.env);
  t.match(
    pushedToo,
    { exitCode: 0, stdout: /verified +what was sent/ },
    '--verify alone takes no word after it for its value',
  );
});

t.test(
  'push --verify finds what was not stored as it was sent, makes no disk of it, and the next run mends it',
  async (t) => {
    const { folder, gate, container, pushed, uri } = await setting(t);
    const scene = await threeLevels(folder);
    await pushed(scene.base, 'base');
    let isSpoilt = false;
    gate.onAnswer = async ({ kind, range, headers }) => {
      if (kind !== 'put-page' || range?.offset !== 6 * MIB || isSpoilt) return undefined;
      isSpoilt = true;
      const conditions = { leaseId: String(headers['x-ms-lease-id']) };
      await container.getPageBlobClient('child').uploadPages(Buffer.alloc(512, 1), 6 * MIB + 512, 512, { conditions });
      return undefined;
    };
    await t.rejects(pushed(scene.child, 'child', { base: uri('base'), verify: 'sent' }), {
      code: 'content-differs',
      message: /512 B differ from the disk, the first at offset 6291968/,
    });
    const { metadata, contentMD5 } = await container.getPageBlobClient('child').getProperties();
    t.match(metadata, { vhdup_state: 'writing' });
    t.notOk(contentMD5?.length);
    const { outcome } = await pushed(scene.child, 'child', { base: uri('base'), verify: 'sent' });
    t.equal(outcome, 'resumed');
    t.ok((await container.getPageBlobClient('child').downloadToBuffer()).subarray(0, -512).equals(scene.content));
  },
);

t.test('push --verify=all finds a base that was not what its Content-MD5 says', async (t) => {
  const { folder, container, pushed, uri } = await setting(t);
  const scene = await threeLevels(folder);
  await pushed(scene.base, 'base');
  await hideWrites(container, 'base');
  await container.getPageBlobClient('base').uploadPages(Buffer.alloc(512, 1), 4 * MIB, 512);
  t.equal(
    (await pushed(scene.child, 'unnoticed', { base: uri('base'), verify: 'sent' })).outcome,
    'pushed',
    'what was sent is right',
  );
  await t.rejects(pushed(scene.child, 'noticed', { base: uri('base'), verify: 'all' }), {
    code: 'content-differs',
    hint: /service's copy of the base differs from the local ancestor/,
  });
  t.notOk(
    (await container.getPageBlobClient('noticed').getProperties()).contentMD5?.length,
    'and no disk is made of it',
  );
  await t.rejects(
    pushed(scene.child, 'unnoticed', { base: uri('base'), verify: 'all' }),
    { code: 'content-differs', hint: /delete it/ },
    'nor is one that is there already believed',
  );
});
