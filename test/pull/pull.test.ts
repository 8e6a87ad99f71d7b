import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, readdir, stat, writeFile, mkdir, chmod, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { openDisk, push } from '../../src/index.js';
import { allocatedIn, bytesOf, factsOf, hideWrites } from '../support/blobs.js';
import { chains, writeChain } from '../support/chains.js';
import { runCli } from '../support/cli.js';
import { contentOfFile, pullScene, rawBlob } from '../support/pull-scene.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

t.test('push, then pull, gives the same bytes in every format, sparse, and checked by MD5', async (t) => {
  const { folder, container, scene, pushed, pulled, uri, gate } = await pullScene(t);
  await pushed(scene.child, { to: uri('disk.vhd') });
  const blob = await bytesOf(container, 'disk.vhd');
  const out = join(folder, 'öut put.vhd');
  gate.records = [];
  const result = await pulled('disk.vhd', out);
  t.match(result, {
    blob: uri('disk.vhd'),
    output: out,
    format: 'dynamic',
    id: scene.ids.child,
    virtualSize: scene.content.length,
    blobSize: scene.content.length + 512,
    checked: 'md5',
    outcome: 'pulled',
    warnings: [],
  });
  t.equal(result.contentMd5, createHash('md5').update(blob).digest('base64'));
  t.ok((await contentOfFile(out)).equals(scene.content));
  t.ok(result.fetched <= (await allocatedIn(container, 'disk.vhd')), 'only allocated pages are fetched');
  t.ok(result.stored <= result.fetched);
  t.equal(
    result.requests,
    gate.records.filter(({ kind }) => kind === 'read').length - 1,
    'one more read, of the footer',
  );
  t.ok(
    gate.records
      .filter(({ kind }) => kind === 'read' || kind === 'page-ranges')
      .every(({ headers }) => headers['if-match'] !== undefined),
    'every read asks for the ETag that was seen first',
  );
  t.match(
    await openDisk(out).then(async (disk) => {
      await disk.close();
      return disk.layers;
    }),
    [{ type: 'dynamic', id: scene.ids.child, warnings: [] }],
  );

  const fixed = join(folder, 'fixed.vhd');
  t.match(await pulled('disk.vhd', fixed, { format: 'fixed' }), { format: 'fixed', checked: 'md5' });
  t.ok((await readFile(fixed)).equals(blob), 'fixed is the blob, byte for byte');
  const raw = join(folder, 'disk.raw');
  t.match(await pulled('disk.vhd', raw, { format: 'raw' }), { format: 'raw', checked: 'md5' });
  t.ok((await readFile(raw)).equals(scene.content), 'raw is the disk without its footer');
  const { size, blocks } = await stat(raw);
  t.ok(blocks * 512 < size, 'zeros are holes');
  t.strictSame(
    (await readdir(folder)).filter((name) => name.includes('vhdup')),
    [],
    'nothing is left beside the output',
  );
});

t.test('what was pulled and is pushed again is there already', async (t) => {
  const { folder, gate, scene, pushed, pulled, uri } = await pullScene(t, { baseType: 'fixed' });
  for (const [path, format] of [
    [scene.child, 'dynamic'],
    [scene.base, 'fixed'],
  ] as const) {
    await pushed(path, { to: uri(format) });
    const out = join(folder, `${format}.out.vhd`);
    await pulled(format, out, { format });
    await using disk = await openDisk(out);
    t.equal((await push(disk, { to: uri(format), environment: gate.env })).outcome, 'already-there', format);
  }
});

t.test('any disk comes back as it was, in all formats and over any of its ancestors', async (t) => {
  const { folder, container, pushed, pulled, uri } = await pullScene(t);
  const seed = Date.now();
  t.comment(`seed ${seed}`);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(chains, fc.nat(), async (specs, choice) => {
      const own = join(folder, `run ${++run}`);
      await mkdir(join(own, 'out'), { recursive: true });
      const layers = await writeChain(own, specs);
      const top = layers.at(-1);
      if (!top) return;
      const name = `run-${run}`;
      const base = layers.length > 1 ? layers[choice % (layers.length - 1)] : undefined;
      if (base) await pushed(base.path, { to: uri(`${name}-base`) });
      await pushed(top.path, { to: uri(name), base: base && uri(`${name}-base`) });
      const ontos = [...new Set([base, layers.at(-2)].filter((layer) => layer !== undefined))];
      const outputs: string[] = [];
      for (const [index, onto] of ontos.entries()) {
        const out = join(own, index === 0 ? `onto ${index} ü.vhd` : join('out', 'ünto.vhd'));
        const { checked, format } = await pulled(name, out, { onto: onto.path, recordEvery: 4096 });
        if (checked !== 'md5' || format !== 'differencing') throw new Error(`${checked} ${format}`);
        outputs.push(out);
      }
      const dynamic = join(own, 'dynamic.vhd');
      await pulled(name, dynamic);
      for (const out of [...outputs, dynamic])
        if (!(await contentOfFile(out, own)).equals(top.content)) throw new Error(`${out} differs`);
      const fixed = join(own, 'fixed.vhd');
      await pulled(name, fixed, { format: 'fixed' });
      if (!(await readFile(fixed)).equals(await bytesOf(container, name))) throw new Error('fixed differs');
    }),
    { numRuns: 12, seed },
  );
  t.pass('12 chains');
});

for (const [what, childSize] of [
  ['of one size', 9 * MIB + 512],
  ['that grew', 14 * MIB],
  ['that shrank', 5 * MIB + 512],
] as const) {
  t.test(`--onto keeps only what differs, for a grandchild ${what}; the child opens from its own folder`, async (t) => {
    const { folder, scene, pushed, pulled, uri } = await pullScene(t);
    const far = await writeImage({
      path: join(folder, 'far.vhd'),
      type: 'differencing',
      size: childSize,
      parent: { path: scene.middle, id: scene.ids.middle },
      writes: [
        { offset: MIB, data: randomBytes(512) },
        { offset: 2 * MIB + 4096, data: Buffer.alloc(1024) },
        { offset: 4 * MIB, data: Buffer.alloc(4096) },
      ],
    });
    await pushed(scene.base, { to: uri('base.vhd') });
    await pushed(far.path, { to: uri('far.vhd'), base: uri('base.vhd') });
    const content = await contentOfFile(far.path);
    await mkdir(join(folder, 'elsewhere'));
    for (const [onto, out] of [
      [scene.middle, join(folder, 'beside middle.vhd')],
      [scene.base, join(folder, 'elsewhere', 'ünder base.vhd')],
    ] as const) {
      const notes: string[] = [];
      const result = await pulled('far.vhd', out, {
        onto,
        onEvent: (event) => {
          if (event.type === 'note') notes.push(event.message);
        },
      });
      t.match(result, { checked: 'md5', format: 'differencing' });
      t.ok(result.stored < result.fetched / 4 && result.stored < MIB, `${result.stored} of ${result.fetched}`);
      t.ok((await contentOfFile(out, folder)).equals(content), 'equal bytes, through the chain');
      t.equal(
        notes.some((note) => note.includes('`parentDirs`')),
        out.includes('elsewhere'),
        'a note where the parent is not below the output',
      );
      await using disk = await openDisk(out, { parentDirs: [folder] });
      const [top, parent] = disk.layers;
      t.equal(top?.parentId, parent?.id);
      t.notOk(
        disk.warnings.some(({ code }) => code === 'parent-time-stamp'),
        "the parent's time stamp is remembered",
      );
    }
    const { stored } = await pulled('far.vhd', join(folder, 'again.vhd'), { onto: scene.middle });
    t.equal(
      stored,
      512 + (childSize > 4 * MIB ? 1024 : 0),
      'over the parent: the sector written, and the two that became zero',
    );
  });
}

t.test('--onto takes only an ancestor that the blob names, and a disk that differs from it', async (t) => {
  const { folder, scene, pushed, pulled, uri } = await pullScene(t);
  await pushed(scene.child, { to: uri('child.vhd') });
  const out = join(folder, 'out.vhd');
  const stranger = await writeImage({ path: join(folder, 'stranger.vhd'), type: 'dynamic', size: MIB, writes: [] });
  const nobody = await writeImage({
    path: join(folder, 'nobody.vhd'),
    type: 'dynamic',
    size: MIB,
    writes: [],
    id: '00000000-0000-0000-0000-000000000000',
  });
  await t.rejects(pulled('child.vhd', out, { onto: stranger.path }), {
    code: 'base-mismatch',
    message: /not known as its ancestor/,
  });
  await t.rejects(
    pulled('child.vhd', out, { onto: scene.base }),
    { code: 'base-mismatch' },
    'a grandparent that it was not pushed over cannot be told',
  );
  await t.rejects(pulled('child.vhd', out, { onto: nobody.path }), { code: 'base-mismatch', message: /all zeros/ });
  await t.rejects(pulled('child.vhd', out, { onto: scene.child }), { code: 'base-mismatch', message: /same disk/ });
  await t.rejects(pulled('child.vhd', out, { onto: scene.middle, format: 'raw' }), { code: 'usage' });
  await t.rejects(pulled('child.vhd', scene.base, { onto: scene.middle, overwrite: true }), {
    code: 'usage',
    message: /chain that `onto` names/,
  });
  t.match(await pulled('child.vhd', out, { onto: scene.middle }), { checked: 'md5' });
});

t.test('--onto a disk of another format is refused with that reason, and nothing is written', async (t) => {
  const { folder, scene, pushed, pulled, uri } = await pullScene(t);
  await pushed(scene.child, { to: uri('child.vhd') });
  const raw = join(folder, 'parent.img');
  const content = Buffer.alloc(MIB);
  content.set([0x55, 0xaa], 510);
  await writeFile(raw, content);
  const before = await readdir(folder);
  await t.rejects(pulled('child.vhd', join(folder, 'out.vhd'), { onto: raw, format: 'dynamic' }), {
    code: 'disk-unsupported',
    message: /parent\.img: its format is raw, and the parent of a differencing VHD can only be a VHD/,
    hint: /without `onto`/,
  });
  t.strictSame(await readdir(folder), before);
});

t.test(
  'a Content-MD5 that does not fit is an error, and no file gets the name; the next run fetches all anew',
  async (t) => {
    const { folder, container, gate, scene, pushed, pulled, uri } = await pullScene(t);
    await pushed(scene.child, { to: uri('stale.vhd') });
    await hideWrites(container, 'stale.vhd');
    await container.getPageBlobClient('stale.vhd').uploadPages(Buffer.alloc(512, 1), 4096, 512);
    for (const [format, onto] of [
      ['dynamic', undefined],
      ['fixed', undefined],
      ['raw', undefined],
      ['dynamic', scene.middle],
    ] as const) {
      const out = join(folder, `${format} ${onto === undefined ? '' : 'onto'}.out`);
      await t.rejects(
        pulled('stale.vhd', out, { format, onto }),
        { code: 'content-differs', hint: /`checkMd5: false`/ },
        format,
      );
      await t.rejects(stat(out), { code: 'ENOENT' });
      gate.records = [];
      await t.rejects(pulled('stale.vhd', out, { format, onto }), { code: 'content-differs' });
      t.ok(gate.records.filter(({ kind }) => kind === 'read').length > 2, 'fetched once more');
      const accepted = await pulled('stale.vhd', out, { format, onto, checkMd5: false });
      t.match(
        accepted,
        { checked: 'none', outcome: 'resumed', fetched: 0 },
        'accepted as it is, without another fetch',
      );
      t.ok(accepted.warnings.some(({ code }) => code === 'digest-not-compared'));
      const bytes = await bytesOf(container, 'stale.vhd');
      const found = format === 'dynamic' ? await contentOfFile(out) : await readFile(out);
      t.ok(found.equals(format === 'fixed' ? bytes : bytes.subarray(0, -512)));
    }
    await container.getPageBlobClient('stale.vhd').setHTTPHeaders({});
    const { checked, warnings } = await pulled('stale.vhd', join(folder, 'unchecked.vhd'));
    t.equal(checked, 'none');
    t.match(warnings, [{ code: 'no-content-md5', message: /cannot be checked/ }]);
  },
);

t.test('an output that cannot be is refused, each in words of its own', async (t) => {
  const { folder, scene, pushed, pulled, uri } = await pullScene(t);
  await pushed(scene.base, { to: uri('base.vhd') });
  const there = join(folder, 'there.vhd');
  await writeFile(there, 'precious');
  await t.rejects(pulled('base.vhd', there), { code: 'destination-exists', hint: /`overwrite`/ });
  t.equal(await readFile(there, 'utf8'), 'precious');
  await t.rejects(pulled('base.vhd', folder), { code: 'usage', message: /is a folder/ });
  await t.rejects(pulled('base.vhd', `${join(folder, 'new')}/`), { code: 'usage' });
  await t.rejects(pulled('base.vhd', join(folder, 'no', 'such', 'out.vhd')), {
    code: 'output-unwritable',
    message: /no such folder: .*such$/,
    retryable: false,
  });
  await t.rejects(pulled('base.vhd', '/dev/null', { overwrite: true }), {
    code: 'usage',
    message: /not a regular file/,
  });
  await symlink(join(folder, 'nowhere'), join(folder, 'dangling.vhd'));
  await t.rejects(pulled('base.vhd', join(folder, 'dangling.vhd')), { code: 'destination-exists' });
  if (process.getuid?.() !== 0) {
    await mkdir(join(folder, 'locked'));
    await chmod(join(folder, 'locked'), 0o500);
    await t.rejects(pulled('base.vhd', join(folder, 'locked', 'out.vhd')), {
      code: 'output-unwritable',
      message: /permission denied/,
    });
  }
  await pulled('base.vhd', there, { overwrite: true });
  t.ok((await contentOfFile(there)).equals(scene.baseContent), 'replaced');
});

t.test(
  'a blob that is missing, of another kind, unfinished or no VHD is refused; raw takes the last as it is',
  async (t) => {
    const { folder, container, scene, pushed, pulled, uri } = await pullScene(t);
    const out = join(folder, 'out.vhd');
    await t.rejects(pulled('nothing', out), { code: 'disk-unreadable' });
    await container.getBlockBlobClient('block').uploadData(randomBytes(4096));
    await t.rejects(pulled('block', out, { format: 'raw' }), { code: 'disk-unsupported', message: /BlockBlob/ });
    const content = await rawBlob(container, 'raw');
    await t.rejects(pulled('raw', out), { code: 'disk-invalid', hint: /`format: 'raw'`/ });
    await t.rejects(pulled('raw', out, { format: 'fixed' }), { code: 'disk-invalid' });
    const { warnings } = await pulled('raw', out, { format: 'raw' });
    t.match(warnings, [{ code: 'not-a-vhd' }, { code: 'no-content-md5' }]);
    t.ok((await readFile(out)).equals(content));

    await pushed(scene.base, { to: uri('begun') });
    const blob = container.getPageBlobClient('begun');
    const { metadata = {} } = (await factsOf(container, 'begun')) ?? {};
    for (const state of ['clearing', 'writing']) {
      await blob.setMetadata({ ...metadata, vhdup_state: state });
      await t.rejects(pulled('begun', join(folder, 'begun.vhd')), {
        code: 'blob-unfinished',
        message: new RegExp(state),
      });
    }
    await blob.setMetadata({ localmetadata: '<xml/>' });
    await blob.setHTTPHeaders({});
    await t.rejects(pulled('begun', join(folder, 'begun.vhd')), { code: 'blob-unfinished', message: /another tool/ });
  },
);

t.test('the padding of older tools is taken for what it is; data in it is not lost in silence', async (t) => {
  const { folder, container, scene, pushed, pulled, uri } = await pullScene(t);
  await pushed(scene.base, { to: uri('base.vhd') });
  const bytes = await bytesOf(container, 'base.vhd');
  const padded = Buffer.concat([bytes.subarray(0, -512), Buffer.alloc(3 * MIB), bytes.subarray(-512)]);
  const blob = container.getPageBlobClient('padded');
  await blob.create(padded.length, { blobHTTPHeaders: { blobContentMD5: createHash('md5').update(padded).digest() } });
  for (let at = 0; at < padded.length; at += 4 * MIB)
    await blob.uploadPages(padded.subarray(at, at + 4 * MIB), at, Math.min(4 * MIB, padded.length - at));
  for (const format of ['dynamic', 'raw', 'fixed'] as const) {
    const out = join(folder, `${format}.padded`);
    t.match(await pulled('padded', out, { format }), { checked: 'md5', virtualSize: scene.baseContent.length }, format);
    const found = format === 'dynamic' ? await contentOfFile(out) : await readFile(out);
    t.ok(found.equals(format === 'fixed' ? padded : scene.baseContent));
  }
  await blob.uploadPages(Buffer.alloc(512, 1), scene.baseContent.length + MIB, 512);
  await t.rejects(pulled('padded', join(folder, 'more.vhd')), { code: 'disk-unsupported', message: /after the disk/ });
  t.match(await pulled('padded', join(folder, 'more.vhd'), { format: 'fixed', checkMd5: false, overwrite: true }), {
    format: 'fixed',
  });
});

t.test(
  '8 TiB with data at the very end come as a sparse raw file, 2,000 GiB as a dynamic VHD; larger ones are refused as such',
  async (t) => {
    const { folder, container, pulled } = await pullScene(t);
    const end = randomBytes(4096);
    const tera = container.getPageBlobClient('8t');
    const size = 8 * 1024 * GIB;
    await tera.create(size);
    await tera.uploadPages(end, size - end.length, end.length);
    const raw = join(folder, '8t.raw');
    try {
      await pulled('8t', raw, { format: 'raw' });
      t.equal((await stat(raw)).size, size);
      t.ok((await readTail(raw, size, end.length)).equals(end));
    } catch (error) {
      t.match(error, { code: 'output-unwritable', message: /so large/ });
      t.comment('the file system holds no file of 8 TiB');
    }

    for (const [name, gib] of [
      ['2000g', 2000],
      ['3t', 3 * 1024],
    ] as const) {
      const disk = gib * GIB;
      const model = await writeImage({ path: join(folder, `${name}.model`), type: 'fixed', size: disk, writes: [] });
      const footer = await readTail(model.path, disk + 512, 512);
      const blob = container.getPageBlobClient(name);
      await blob.create(disk + 512);
      await blob.uploadPages(Buffer.concat([end, footer]), disk - end.length, end.length + 512);
      const out = join(folder, `${name}.vhd`);
      if (gib > 2040) {
        await t.rejects(pulled(name, out), { code: 'disk-unsupported', hint: /`format: 'fixed'`/ });
        await t.rejects(stat(`${out}.vhdup-part`), { code: 'ENOENT' });
        continue;
      }
      await pulled(name, out);
      await using opened = await openDisk(out);
      const found = Buffer.alloc(end.length);
      await opened.read(disk - end.length, found);
      t.ok(found.equals(end));
      t.ok((await stat(out)).size < 8 * MIB);
    }
  },
);

async function readTail(path: string, size: number, length: number): Promise<Buffer> {
  await using file = await open(path);
  const into = Buffer.alloc(length);
  await file.read(into, 0, length, size - length);
  return into;
}

t.test(
  'the command prints what it did, for people and for programs, and its exit codes tell refusals apart',
  async (t) => {
    const { folder, gate, scene, pushed, uri } = await pullScene(t);
    await pushed(scene.base, { to: uri('base.vhd') });
    await pushed(scene.child, { to: uri('child.vhd'), base: uri('base.vhd') });
    const out = join(folder, 'out.vhd');
    const run = await runCli(['pull', uri('child.vhd'), out, '--onto', scene.middle, '--json', '--quiet'], gate.env);
    t.equal(run.exitCode, 0, run.stdout + run.stderr);
    t.match(JSON.parse(run.stdout), {
      vhdup: 2,
      blob: uri('child.vhd'),
      output: out,
      format: 'differencing',
      checked: 'md5',
      outcome: 'pulled',
      warnings: [],
      fetched: Number,
      stored: Number,
      requests: Number,
      contentMd5: String,
    });
    t.equal(run.stderr, '');
    t.match(
      (await runCli(['pull', uri('child.vhd'), out, '--overwrite'], gate.env)).stdout,
      /complete[\s\S]*dynamic[\s\S]*compared/,
    );
    for (const [exitCode, args] of [
      [5, [uri('child.vhd'), out]],
      [4, [uri('child.vhd'), join(folder, 'x'), '--onto', scene.child]],
      [10, [uri('child.vhd'), join(folder, 'no', 'x')]],
      [2, [uri('child.vhd'), join(folder, 'x'), '--format', 'qcow2']],
    ] as const) {
      const refused = await runCli(['pull', ...args], gate.env);
      t.equal(refused.exitCode, exitCode, args.join(' '));
      t.equal(refused.stdout, '');
    }
  },
);

t.test('--onto stores zeros where only the ancestor has data, far from any page of the blob', async (t) => {
  const { folder, pushed, pulled, uri } = await pullScene(t);
  const size = 13 * MIB;
  const base = await writeImage({
    path: join(folder, 'b.vhd'),
    type: 'dynamic',
    size,
    writes: [{ offset: 5 * MIB, data: randomBytes(1024) }],
  });
  const child = await writeImage({
    path: join(folder, 'c.vhd'),
    type: 'differencing',
    size,
    parent: base,
    writes: [{ offset: 5 * MIB, data: Buffer.alloc(1024) }],
  });
  await pushed(child.path, { to: uri('zeroed') });
  const out = join(folder, 'out.vhd');
  t.match(await pulled('zeroed', out, { onto: base.path }), { checked: 'md5', fetched: 0, stored: 1024 });
  t.ok((await contentOfFile(out)).equals(Buffer.alloc(size)));
});
