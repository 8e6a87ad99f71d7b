import { createHash } from 'node:crypto';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { openDisk, verify, type PushOptions } from '../../src/index.js';
import { TreeHasher, leafValues } from '../../src/digest/tree.js';
import { bytesOf, factsOf, hideWrites } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { contentOfFile, pullScene, type PullScene } from '../support/pull-scene.js';

function treeOf(content: Buffer): string {
  const tree = new TreeHasher(content.length);
  tree.add(0, leafValues(content));
  return tree.digest().toString('hex');
}

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest();

/** The phases that a push told of. */
async function phasesOf(
  set: PullScene,
  path: string,
  options: PushOptions,
): Promise<{ phases: Set<string>; result: Awaited<ReturnType<PullScene['pushed']>> }> {
  const phases = new Set<string>();
  const result = await set.pushed(path, {
    ...options,
    onEvent: (event) => {
      if (event.type === 'progress') phases.add(event.phase);
    },
  });
  return { phases, result };
}

/** Changes what a finished blob says of itself, as somebody else might. */
async function setMetadata({ container }: PullScene, name: string, change: Record<string, string>): Promise<void> {
  const blob = container.getPageBlobClient(name);
  await hideWrites(container, name);
  await blob.setMetadata({ ...(await blob.getProperties()).metadata, ...change });
}

async function pushBase(t: Test): Promise<PullScene> {
  const set = await pullScene(t);
  await set.pushed(set.scene.base, { to: set.uri('base') });
  return set;
}

t.test('a finished push notes its digests, and a base is checked by the tree', async (t) => {
  const set = await pushBase(t);
  const { scene, container, uri } = set;
  t.match((await factsOf(container, 'base'))?.metadata, {
    vhdup_tree: treeOf(scene.baseContent),
    vhdup_md5: md5(await bytesOf(container, 'base')).toString('hex'),
  });
  const { result } = await phasesOf(set, scene.child, { base: uri('base'), to: uri('child') });
  t.equal(result.base?.check, 'tree');
  t.match((await factsOf(container, 'child'))?.metadata, {
    vhdup_state: 'complete',
    vhdup_base_check: 'tree',
    vhdup_tree: treeOf(scene.content),
  });
  t.equal(result.contentMd5, md5(await bytesOf(container, 'child')).toString('base64'));

  t.equal(
    (await set.pushed(scene.child, { base: uri('base'), to: uri('by-md5'), baseCheck: 'md5' })).base?.check,
    'md5',
  );
});

t.test('while the service copies the base, what is not sent of the disk is read for its digests', async (t) => {
  const set = await pushBase(t);
  const { scene, gate, uri, container } = set;
  let digested = 0;
  let tellOf: () => void = () => undefined;
  const isUnderWay = new Promise<void>((resolve) => {
    tellOf = resolve;
  });
  gate.onRequest = async ({ kind }) => {
    if (kind === 'copy')
      await Promise.race([
        isUnderWay,
        new Promise((resolve) => {
          setTimeout(resolve, 10_000).unref();
        }),
      ]);
    if (kind === 'copy') t.ok(digested > 0, 'before the copy is made');
    return undefined;
  };
  const result = await set.pushed(scene.child, {
    base: uri('base'),
    to: uri('child'),
    onEvent: (event) => {
      if (event.type !== 'progress' || event.phase !== 'digest') return;
      digested = event.done;
      if (digested > 0) tellOf();
    },
  });
  t.equal(result.contentMd5, md5(await bytesOf(container, 'child')).toString('base64'));
  t.ok((await bytesOf(container, 'child')).subarray(0, scene.content.length).equals(scene.content));
});

t.test('an unfinished push notes none', async (t) => {
  const set = await pullScene(t);
  set.gate.onRequest = ({ kind }) => (kind === 'put-page' ? { status: 403 } : undefined);
  await t.rejects(set.pushed(set.scene.base, { to: set.uri('half') }));
  const metadata = (await factsOf(set.container, 'half'))?.metadata ?? {};
  t.equal(metadata['vhdup_state'], 'writing');
  t.strictSame(
    Object.keys(metadata).filter((key) => /tree|md5/.test(key)),
    [],
  );
});

t.test("a tree that is not the ancestor's is refused", async (t) => {
  const set = await pushBase(t);
  await setMetadata(set, 'base', { vhdup_tree: treeOf(Buffer.alloc(512, 1)) });
  await t.rejects(set.pushed(set.scene.child, { base: set.uri('base'), to: set.uri('child') }), {
    code: 'base-mismatch',
    message: /tree digest/,
  });
  t.equal(await factsOf(set.container, 'child'), undefined);
});

t.test('where Content-MD5 is not the one that the push set, its tree counts no longer', async (t) => {
  const set = await pushBase(t);
  const { scene, container, uri } = set;
  await hideWrites(container, 'base');
  await container.getPageBlobClient('base').setHTTPHeaders({ blobContentMD5: md5(Buffer.from('other')) });
  await t.rejects(set.pushed(scene.child, { base: uri('base'), to: uri('child') }), {
    code: 'base-mismatch',
    message: /Content-MD5 differs from that/,
  });
  await container.getPageBlobClient('base').setHTTPHeaders({});
  await t.rejects(set.pushed(scene.child, { base: uri('base'), to: uri('child') }), {
    code: 'base-mismatch',
    message: /no Content-MD5/,
  });
  await t.rejects(
    set.pushed(scene.base, { to: uri('base') }),
    { code: 'destination-exists' },
    'nor is it taken for the same content',
  );
});

t.test('--no-md5: the blob has no Content-MD5, and all else works by the tree', async (t) => {
  const set = await pullScene(t);
  const { scene, container, uri, env, folder } = set;
  const run = await runCli(['push', scene.base, '--to', uri('base'), '--no-md5', '--json'], env);
  t.equal(run.exitCode, 0, run.stderr);
  t.equal((JSON.parse(run.stdout) as { contentMd5?: string }).contentMd5, undefined);
  const facts = await factsOf(container, 'base');
  t.equal(facts?.contentMd5, undefined);
  t.match(facts?.metadata, { vhdup_state: 'complete', vhdup_tree: treeOf(scene.baseContent) });
  t.equal('vhdup_md5' in (facts?.metadata ?? {}), false);

  t.match(await set.pushed(scene.base, { to: uri('base'), contentMd5: 'never' }), { outcome: 'already-there' });
  const anew = await set.pushed(scene.base, { to: uri('base'), contentMd5: 'always' });
  t.match(anew, { outcome: 'already-there', contentMd5: undefined });
  t.ok(anew.warnings.some(({ code }) => code === 'no-content-md5'));

  const child = await set.pushed(scene.child, { base: uri('base'), to: uri('child'), contentMd5: 'never' });
  t.match(child, { outcome: 'pushed', contentMd5: undefined, base: { check: 'tree' } });
  t.ok((await bytesOf(container, 'child')).subarray(0, -512).equals(scene.content));
  await t.rejects(set.pushed(scene.child, { base: uri('base'), to: uri('other'), baseCheck: 'md5' }), {
    code: 'base-mismatch',
    message: /no Content-MD5/,
    hint: /leave out `baseCheck: 'md5'`.* under another name with `contentMd5: 'always'`/,
  });

  await using disk = await openDisk(scene.child);
  t.match(await verify(disk, uri('child'), set.options), {
    equal: true,
    contentMd5Check: 'absent',
    treeCheck: 'equal',
  });
  for (const format of ['dynamic', 'fixed', 'raw'] as const) {
    const out = join(folder, `pulled ${format}`);
    t.equal((await set.pulled('child', out, { format })).checked, 'tree');
    if (format === 'dynamic') t.ok((await contentOfFile(out)).equals(scene.content));
  }
  await setMetadata(set, 'child', { vhdup_tree: treeOf(Buffer.alloc(512, 1)) });
  t.match(await verify(disk, uri('child'), set.options), {
    equal: false,
    treeCheck: 'other',
    differences: { count: 0 },
  });
  t.match(await verify(disk, uri('child'), { ...set.options, deep: false }), { equal: false, treeCheck: 'other' });
  await t.rejects(set.pulled('child', join(folder, 'wrong')), { code: 'content-differs', message: /tree digest/ });
});

t.test('from another machine the same content is known by its tree', async (t) => {
  const set = await pushBase(t);
  const { scene, uri, folder, gate } = set;
  const elsewhere = join(folder, 'elsewhere');
  await mkdir(elsewhere);
  const copy = join(elsewhere, 'base disk.vhd');
  await copyFile(scene.base, copy);
  const before = gate.records.length;
  t.match(await set.pushed(copy, { to: uri('base') }), { outcome: 'already-there' });
  t.equal(
    gate.records.slice(before).some(({ method }) => method === 'PUT'),
    false,
  );
});

t.test('a push with --no-md5 that was interrupted is resumed, also with Content-MD5', async (t) => {
  const set = await pullScene(t);
  const { scene, uri, container, gate } = set;
  let puts = 0;
  gate.onRequest = ({ kind }) => (kind === 'put-page' && ++puts === 3 ? { status: 403 } : undefined);
  await t.rejects(set.pushed(scene.base, { to: uri('base'), contentMd5: 'never' }));
  gate.onRequest = () => undefined;
  t.match(await set.pushed(scene.base, { to: uri('base'), contentMd5: 'always' }), {
    outcome: 'resumed',
    contentMd5: md5(await bytesOf(container, 'base')).toString('base64'),
  });
});

t.test('the tree of a disk is not compared with that of one which is shorter by zeros', async (t) => {
  const { folder, pushed, uri, options } = await pullScene(t);
  const size = 2 * 1024 ** 2;
  const writes = [{ offset: 0, data: Buffer.alloc(4096, 1) }];
  const long = await writeImage({ path: join(folder, 'long.vhd'), type: 'dynamic', size: size + 512, writes });
  const short = await writeImage({ path: join(folder, 'short.vhd'), type: 'dynamic', size, id: long.id, writes });
  await pushed(long.path, { to: uri('long') });
  await using disk = await openDisk(short.path);
  t.match(await verify(disk, uri('long'), options), {
    contentMd5Check: 'equal',
    treeCheck: 'unchecked',
    differences: { count: 0 },
  });
});
