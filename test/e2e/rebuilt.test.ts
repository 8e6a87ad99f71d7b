import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobSASPermissions } from '@azure/storage-blob';
import t, { type Test } from 'tap';
import { writeQcow2 } from '../../fixtures/qcow2.js';
import { writeVhdx } from '../../fixtures/vhdx.js';
import { bytesOf, endBreak, factsOf } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { changedLeaves, nonZeroBytes } from '../support/rebuilt.js';
import { stage, type Stage } from '../support/stage.js';

/** Images that were built from scratch, pushed over earlier ones of which they are no children. */

const MIB = 1024 * 1024;
const LEAF = 64 * 1024;
const SIZE = 32 * MIB;

type Json = Record<string, unknown>;
type Format = 'raw' | 'qcow2' | 'vhdx';

interface Scene extends Stage {
  /** Runs the tool on a machine that knows nothing of the runs before. */
  readonly run: (...args: string[]) => Promise<Json>;
  /** Writes a disk. Returns its path. */
  readonly disk: (name: string, content: Buffer) => Promise<string>;
  /** Pushes a disk, which has to succeed. */
  readonly pushed: Stage['pushed'];
}

async function scene(t: Test): Promise<Scene> {
  const on = await stage(t);
  let machines = 0;
  const run = async (...args: string[]): Promise<Json> => {
    const home = join(on.folder, `machine-${++machines}`);
    const env = { VHDUP_STATE_DIR: join(home, 'state'), VHDUP_CACHE_DIR: join(home, 'cache') };
    await mkdir(env.VHDUP_STATE_DIR, { recursive: true, mode: 0o700 });
    const { exitCode, stdout } = await runCli([...args, '--json'], { ...on.env, ...env });
    const result: Json = { exitCode, ...(JSON.parse(stdout) as Json) };
    if (args[0] === 'push' && exitCode === 0 && typeof result['blob'] === 'string' && !args.includes('-n'))
      await endBreak(on.container, decodeURIComponent(result['blob'].split('/').at(-1)?.split('?')[0] ?? ''));
    return result;
  };
  return { ...on, run, disk: (name, content) => writeDisk(join(on.folder, name), content) };
}

/** Writes a disk in the format that the end of its name says. */
async function writeDisk(path: string, content: Buffer): Promise<string> {
  const size = content.length;
  const operations = [];
  for (let offset = 0; offset < size; offset += MIB) {
    const data = content.subarray(offset, offset + MIB);
    if (data.some((byte) => byte !== 0)) operations.push({ kind: 'write' as const, offset, data });
  }
  const format = path.split('.').at(-1) as Format;
  if (format === 'raw') await writeFile(path, content);
  else if (format === 'qcow2') await writeQcow2({ path, size, operations });
  else await writeVhdx({ path, type: 'dynamic', size, operations });
  return path;
}

/** A disk with a partition table; from 1 MiB on it has noise. */
function build(noise = 20 * MIB): Buffer {
  const content = Buffer.alloc(SIZE);
  content.set([0, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0xf0, 0, 0], 446);
  content.set([0x55, 0xaa], 510);
  randomBytes(noise).copy(content, MIB);
  return content;
}

/** The disk with other leaves at these places, in MiB. */
function rebuilt(before: Buffer, ...places: number[]): Buffer {
  const after = Buffer.from(before);
  for (const place of places) randomBytes(LEAF).copy(after, place * MIB);
  return after;
}

const MD5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();

for (const [one, other] of [
  ['qcow2', 'vhdx'],
  ['vhdx', 'raw'],
  ['raw', 'qcow2'],
] as const)
  t.test(`a ${other} that was built from scratch is pushed over a ${one}: only changed leaves are sent`, async (t) => {
    const { container, gate, uri, run, disk } = await scene(t);
    const first = build();
    const second = rebuilt(first, 3, 9, 27);
    second.fill(0, 5 * MIB, 5 * MIB + 2 * LEAF);
    const [v1, v2] = [await disk(`v1.${one}`, first), await disk(`v2.${other}`, second)];
    t.match(await run('push', v1, uri('v1.vhd')), { exitCode: 0 });
    const facts = await factsOf(container, 'v1.vhd');
    const bytes = await bytesOf(container, 'v1.vhd');
    const args = ['push', v2, uri('v2.vhd'), '--base', uri('v1.vhd')];
    t.match(await run(...args, '-n'), {
      exitCode: 0,
      base: { check: 'leaves', layer: undefined },
      leaves: { changed: 3 * LEAF, moved: 0, zero: 2 * LEAF },
    });
    t.match(await run(...args, '--compare', 'layers'), { exitCode: 4, error: { code: 'base-mismatch' } });
    t.equal(await factsOf(container, 'v2.vhd'), undefined, 'nothing was made');
    gate.records = [];
    const result = await run(...args);
    t.match(result, { exitCode: 0, outcome: 'pushed', base: { blob: uri('v1.vhd'), check: 'leaves' } });
    t.ok((result['sent'] as number) <= nonZeroBytes(second, changedLeaves(first, second)) + 512);
    const isChanged = new Set(changedLeaves(first, second));
    for (const { range } of gate.records.filter(({ kind }) => kind === 'put-page')) {
      const { offset, length } = range ?? { offset: -1, length: 0 };
      const leaf = Math.floor(offset / LEAF) * LEAF;
      t.ok((isChanged.has(leaf) && offset + length <= leaf + LEAF) || offset === SIZE, `${offset}, ${length}`);
    }
    t.ok((await bytesOf(container, 'v2.vhd')).subarray(0, -512).equals(second));
    t.match(await factsOf(container, 'v2.vhd'), { metadata: { vhdup_base_check: 'leaves', vhdup_state: 'complete' } });
    t.strictSame(await factsOf(container, 'v1.vhd'), facts, 'the base is as it was');
    t.ok((await bytesOf(container, 'v1.vhd')).equals(bytes));
    t.match(await run('push', v2, uri('v2.vhd')), { exitCode: 0, outcome: 'already-there' });
    t.match(await run('status', uri('v2.vhd')), { leafList: { state: 'fits' }, push: { base: { check: 'leaves' } } });
    t.match(await run('verify', v2, uri('v2.vhd')), { exitCode: 0, equal: true });
  });

t.test(
  'a base without a list is refused, with what to do; vhdup leaves makes it, and --read-base does without',
  async (t) => {
    const { container, gate, uri, run, disk } = await scene(t);
    const first = build();
    const second = rebuilt(first, 4);
    const [v1, v2] = [await disk('v1.vhdx', first), await disk('v2.raw', second)];
    t.match(await run('push', v1, uri('v1.vhd'), '--no-leaf-list'), { exitCode: 0, warnings: [] });
    t.notOk(await container.getBlobClient('v1.vhd.vhdup-leaves').exists(), 'no list was written');
    t.match(await run('status', uri('v1.vhd')), { leafList: { state: 'none' } });
    t.match(await run('push', v2, uri('a.vhd'), '--base', uri('v1.vhd')), {
      exitCode: 4,
      error: {
        code: 'base-mismatch',
        message: /there is no such list/,
        hint: /vhdup leaves.*--read-base.*--base-disk/,
      },
    });
    t.equal(await factsOf(container, 'a.vhd'), undefined);
    t.match(await run('push', v2, uri('a.vhd'), '--base', uri('v1.vhd'), '--read-base'), {
      exitCode: 0,
      sent: LEAF + 512,
      base: { check: 'leaves' },
    });
    t.ok((await bytesOf(container, 'a.vhd')).subarray(0, -512).equals(second));
    t.match(await run('leaves', uri('v1.vhd')), { exitCode: 0, outcome: 'made', checkedBy: 'tree' });
    t.match(await run('leaves', uri('v1.vhd')), { exitCode: 0, outcome: 'already-there' });
    gate.records = [];
    t.match(await run('push', v2, uri('b.vhd'), '--base', uri('v1.vhd')), { exitCode: 0, sent: LEAF + 512 });
    const fetched = gate.records.filter(({ kind, url, range }) => kind === 'read' && /v1\.vhd\?/.test(url) && range);
    t.ok(
      fetched.every(({ range }) => (range?.length ?? 0) <= 4096),
      'the base is not downloaded',
    );
    t.ok((await bytesOf(container, 'b.vhd')).subarray(0, -512).equals(second));
  },
);

t.test(
  'a base of another tool: its local disk is taken if it has the content of the blob, and no other file',
  async (t) => {
    const { container, uri, run, disk } = await scene(t);
    const first = build();
    const second = rebuilt(first, 6, 30);
    const [v1, wrong, v2] = [
      await disk('v1.qcow2', first),
      await disk('wrong.qcow2', rebuilt(first, 8)),
      await disk('v2.vhdx', second),
    ];
    // What another tool has written: the bytes, a footer, Content-MD5, and no metadata.
    t.match(await run('push', v1, uri('own.vhd')), { exitCode: 0 });
    const bytes = await bytesOf(container, 'own.vhd');
    const foreign = container.getPageBlobClient('foreign.vhd');
    await foreign.create(bytes.length, { blobHTTPHeaders: { blobContentMD5: MD5(bytes) } });
    for (let at = 0; at < bytes.length; at += 4 * MIB) {
      const piece = bytes.subarray(at, at + 4 * MIB);
      await foreign.uploadPages(piece, at, piece.length);
    }
    const before = await factsOf(container, 'foreign.vhd');
    const args = ['push', v2, uri('v2.vhd'), '--base', uri('foreign.vhd')];
    t.match(await run(...args), { exitCode: 4, error: { hint: /vhdup leaves/ } });
    t.match(await run(...args, '--base-disk', wrong), {
      exitCode: 4,
      error: { code: 'base-mismatch', message: /its content is not that of .*wrong\.qcow2/ },
    });
    t.equal(await factsOf(container, 'v2.vhd'), undefined, 'nothing was made');
    t.match(await run(...args, '--base-disk', v1), { exitCode: 0, sent: 2 * LEAF + 512, base: { check: 'leaves' } });
    t.ok((await bytesOf(container, 'v2.vhd')).subarray(0, -512).equals(second));
    t.strictSame(await factsOf(container, 'foreign.vhd'), before, 'the base is as it was');
    t.match(await run('leaves', uri('foreign.vhd')), { exitCode: 0, outcome: 'made', checkedBy: 'md5' });
    t.match(await run(...args, '--to', uri('v3.vhd')).then((r) => r['exitCode']), 2, 'DEST and --to');
    t.match(await run('push', v2, uri('v3.vhd'), '--base', uri('foreign.vhd')), { exitCode: 0, sent: 2 * LEAF + 512 });
    t.ok((await bytesOf(container, 'v3.vhd')).subarray(0, -512).equals(second));
  },
);

t.test('a list that does not hold is refused: cut, damaged, stale, or that of another blob', async (t) => {
  const { container, uri, run, disk } = await scene(t);
  const first = build();
  const v2 = await disk('v2.raw', rebuilt(first, 4));
  t.match(await run('push', await disk('v1.vhdx', first), uri('v1.vhd')), { exitCode: 0 });
  t.match(await run('push', await disk('other.vhdx', rebuilt(first, 12)), uri('other.vhd')), { exitCode: 0 });
  const list = container.getBlockBlobClient('v1.vhd.vhdup-leaves');
  const right = await list.downloadToBuffer();
  const flipped = (at: number) => {
    const bytes = Buffer.from(right);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes;
  };
  const args = ['push', v2, uri('v2.vhd'), '--base', uri('v1.vhd')];
  for (const [what, bytes] of Object.entries({
    'of another blob': await bytesOf(container, 'other.vhd.vhdup-leaves'),
    'cut in its header': right.subarray(0, 100),
    'cut in its leaves': right.subarray(0, -100),
    'with another header': flipped(60),
    'with another leaf': flipped(right.length - 40),
    empty: Buffer.alloc(0),
    'something else': randomBytes(5000),
  })) {
    await list.upload(bytes, bytes.length);
    t.match(await run(...args), { exitCode: 4, error: { code: 'base-mismatch', hint: /vhdup leaves/ } }, what);
    t.equal(await factsOf(container, 'v2.vhd'), undefined, `${what}: nothing was made`);
    t.match(await run('leaves', uri('v1.vhd')), { exitCode: 0 }, `${what}: made again`);
  }
  await list.upload(right, right.length);
  await container.getPageBlobClient('v1.vhd').uploadPages(randomBytes(512), 7 * MIB, 512);
  t.match(await run(...args), { exitCode: 4 }, 'the blob was written to since');
  t.equal(await factsOf(container, 'v2.vhd'), undefined);
});

t.test('two builds behind one MBR share a derived id, and are compared by leaves', async (t) => {
  const { container, uri, run, disk } = await scene(t);
  const first = build();
  const second = rebuilt(first, 5, 15);
  const [v1, v2] = [await disk('v1.raw', first), await disk('v2.raw', second)];
  const one = await run('push', v1, uri('v1.vhd'));
  const args = ['push', v2, uri('v2.vhd'), '--base', uri('v1.vhd')];
  const other = await run(...args);
  t.equal(one['id'], other['id'], 'one id');
  t.match(other, { exitCode: 0, sent: 2 * LEAF + 512, base: { check: 'leaves' } });
  t.ok((await bytesOf(container, 'v2.vhd')).subarray(0, -512).equals(second));
  t.match(await run('push', v2, uri('v3.vhd'), '--base', uri('v1.vhd'), '--compare', 'layers'), {
    exitCode: 4,
    error: { code: 'base-mismatch' },
  });
  const refused = [
    ['--base', uri('v1.vhd'), '--compare', 'leaves', '--base-check', 'id'],
    ['--compare', 'leaves'],
    ['--read-base'],
    ['--base-disk', v1],
  ];
  for (const words of refused)
    t.match(await run('push', v2, uri('v3.vhd'), ...words), { exitCode: 2, error: { code: 'usage' } }, words.join(' '));
  // The same disk is an ancestor of itself.
  t.match(await run('push', v1, uri('again.vhd'), '--base', uri('v1.vhd')), {
    exitCode: 0,
    base: { check: 'tree', layer: 0 },
  });
  t.match(await run('push', v1, uri('leaves.vhd'), '--base', uri('v1.vhd'), '--compare', 'leaves'), {
    exitCode: 0,
    sent: 512,
    base: { check: 'leaves' },
  });
});

t.test('with a SAS for one blob the list cannot be written: one warning, and the push ends well', async (t) => {
  const { container, gate, folder, uri, disk } = await scene(t);
  const content = build();
  const v1 = await disk('v1.vhdx', content);
  const sas = new URL(
    await container.getBlobClient('v1.vhd').generateSasUrl({
      permissions: BlobSASPermissions.parse('racwd'),
      expiresOn: new Date(Date.now() + 3_600_000),
    }),
  ).search;
  gate.records = [];
  const env = { VHDUP_STATE_DIR: join(folder, 'state'), VHDUP_CACHE_DIR: join(folder, 'cache') };
  const { exitCode, stdout } = await runCli(['push', v1, `${uri('v1.vhd')}${sas}`, '--json'], env);
  t.equal(exitCode, 0, stdout);
  const { warnings } = JSON.parse(stdout) as { warnings: { code: string; hint?: string }[] };
  t.strictSame(
    warnings.filter(({ code }) => code !== 'sas-expiry').map(({ code }) => code),
    ['leaf-list-not-written'],
  );
  t.match(warnings, [{ hint: /vhdup leaves/ }]);
  t.notMatch(stdout, /sig=/);
  t.ok((await bytesOf(container, 'v1.vhd')).subarray(0, -512).equals(content));
  t.match(await factsOf(container, 'v1.vhd'), { metadata: { vhdup_state: 'complete' } });
  t.notOk(await container.getBlobClient('v1.vhd.vhdup-leaves').exists());
});

t.test('the best of several versions of an image is the base, and none below a tenth', async (t) => {
  const { container, uri, run, disk } = await scene(t);
  const best = build();
  const half = Buffer.from(best);
  randomBytes(10 * MIB).copy(half, MIB);
  const pushImage = async (name: string, content: Buffer, ...more: string[]) => {
    const image = await disk(`${name}.vhdx`, content);
    return run('push', image, uri(`${name}.vhd`), '--image', 'golden', ...more);
  };
  t.match(await pushImage('v1', best), { exitCode: 0, imageVersion: '1', base: undefined });
  t.match(await pushImage('v2', half), { exitCode: 0, imageVersion: '2', base: { blob: uri('v1.vhd') } });
  t.match(await pushImage('v3', build()), { exitCode: 0, imageVersion: '3', base: undefined }, 'nothing in common');
  const next = rebuilt(best, 8);
  t.match(await pushImage('v4', next), {
    exitCode: 0,
    imageVersion: '4',
    sent: LEAF + 512,
    base: { blob: uri('v1.vhd'), check: 'leaves' },
  });
  t.ok((await bytesOf(container, 'v4.vhd')).subarray(0, -512).equals(next));
  // A twentieth in common: less than a tenth.
  const far = build();
  best.copy(far, MIB, MIB, 2 * MIB);
  t.match(await pushImage('v5', far, '--base', 'auto'), { exitCode: 0, imageVersion: '5', base: undefined });
  await container.getBlobClient('v4.vhd.vhdup-leaves').delete();
  t.match(
    await pushImage('v6', rebuilt(next, 9)),
    { exitCode: 0, base: { blob: uri('v1.vhd') } },
    'a version without a list is left out',
  );
  t.match(
    await pushImage('v7', rebuilt(half, 14), '--base', 'image:golden@2'),
    { exitCode: 0, sent: LEAF + 512, base: { blob: uri('v2.vhd'), check: 'leaves' } },
    'one that is named',
  );
});
