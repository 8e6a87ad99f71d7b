import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import t from 'tap';
import { makeQcow2, writeQcow2, type Qcow2Spec } from '../../../fixtures/qcow2.js';
import { openDiskFrom } from '../../../src/disk/open.js';
import { openDisk, type Disk } from '../../../src/index.js';
import { temporaryFolder } from '../../support/folder.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { qemuImg, readByQemu, withoutQemuImg } from '../../support/qemu-img.js';

const MIB = 1024 * 1024;
const CLUSTER = 65_536;
const PATH = resolve('/images/disk.qcow2');

const data = (length: number, fill = 0x11) => Buffer.alloc(length, fill);

async function contentOf(disk: Disk): Promise<Buffer> {
  const content = Buffer.alloc(disk.size, 0xa5);
  await disk.read(0, content);
  return content;
}

async function extentsOf(disk: Disk) {
  const found: string[] = [];
  for await (const { offset, length, kind, layer } of disk.extents())
    found.push(`${kind} ${layer} ${offset} ${length}`);
  return found;
}

t.test('the image says what it is', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeQcow2({
    path: join(folder, 'disk.qcow2'),
    size: 4 * MIB,
    compression: 'zstd',
    refcountOrder: 5,
    features: { compatible: 1n },
    operations: [
      { kind: 'write', offset: 0, data: data(CLUSTER) },
      { kind: 'compressed', offset: CLUSTER, data: data(2 * CLUSTER) },
    ],
    snapshots: [{ id: '1', name: 'first', after: 1, size: 2 * MIB }],
  });
  await using disk = await openDisk(path);
  t.match(disk.layers, [
    {
      format: 'qcow2',
      type: 'dynamic',
      size: 4 * MIB,
      allocated: 3 * CLUSTER,
      blockSize: CLUSTER,
      sectorSize: 512,
      creator: '',
      isIdDerived: true,
      warnings: [],
    },
  ]);
  t.match(Object.fromEntries((disk.layers[0]?.details ?? []).map(({ name, value }) => [name, value])), {
    version: 3,
    clusterSize: CLUSTER,
    compression: 'zstd',
    compressedClusters: 2,
    refcountBits: 32,
    features: ['lazy refcounts'],
    snapshots: [{ id: '1', name: 'first', virtualSize: 2 * MIB }],
  });
  t.match(disk.creation, { format: 'qcow2', record: undefined });
});

t.test('zeros hide the backing file, what is unallocated shows it', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'base.img'), data(MIB, 0x77));
  const { path } = await writeQcow2({
    path: join(folder, 'child.qcow2'),
    size: MIB,
    backing: { name: 'base.img', format: 'raw', content: data(MIB, 0x77) },
    operations: [
      { kind: 'write', offset: CLUSTER, data: data(CLUSTER) },
      { kind: 'zero', offset: 2 * CLUSTER, length: CLUSTER },
      { kind: 'zero', offset: CLUSTER, length: CLUSTER / 2 },
      { kind: 'write', offset: 4 * CLUSTER, data: data(CLUSTER) },
      { kind: 'zero', offset: 4 * CLUSTER, length: CLUSTER, allocated: true },
    ],
  });
  await using disk = await openDisk(path);
  t.strictSame(await extentsOf(disk), [
    `data 1 0 ${CLUSTER}`,
    `data 0 ${CLUSTER} ${CLUSTER}`,
    `zero 0 ${2 * CLUSTER} ${CLUSTER}`,
    `data 1 ${3 * CLUSTER} ${CLUSTER}`,
    `zero 0 ${4 * CLUSTER} ${CLUSTER}`,
    `data 1 ${5 * CLUSTER} ${MIB - 5 * CLUSTER}`,
  ]);
  t.match(disk.layers, [{ type: 'differencing' }, { format: 'raw' }]);
  t.equal(disk.layers[0]?.parentId, disk.layers[1]?.id);
  t.match(disk.layers[0]?.details, [{}, {}, { name: 'backingFile', value: 'base.img' }, { value: 'raw' }]);
  t.match(disk.warnings, [{ code: 'parent-without-id', message: /known by its name only/ }]);
});

t.test('what is unusual is a warning', async (t) => {
  const spec: Qcow2Spec = { path: PATH, size: MIB, operations: [], backing: { name: './base.img' } };
  const { bytes } = makeQcow2(spec);
  bytes.writeBigUInt64BE(1n, 72);
  bytes.writeBigUInt64BE(BigInt(MIB + 100), 24);
  const base = makeQcow2({ path: '', size: MIB, operations: [] }).bytes;
  await using disk = await openDiskFrom(
    new MemoryFiles([
      [PATH, bytes],
      [join(dirname(PATH), 'base.img'), base],
    ]),
    PATH,
  );
  t.equal(disk.size, MIB);
  t.match(disk.layers[0]?.warnings, [
    { code: 'dirty' },
    { code: 'backing-format-missing' },
    { code: 'partial-sector' },
  ]);
  t.match(disk.layers[1], { format: 'qcow2', warnings: [] });
});

t.test('a chain that leads out of the folder is refused before anything is opened there', async (t) => {
  for (const name of ['/etc/passwd', '../other/base.img', 'file:/etc/passwd', 'file:../other/base.img']) {
    const { bytes } = makeQcow2({ path: PATH, size: MIB, operations: [], backing: { name, format: 'raw' } });
    const files = new MemoryFiles([
      [PATH, bytes],
      ['/etc/passwd', data(512)],
      [resolve('/other/base.img'), data(512)],
    ]);
    await t.rejects(
      openDiskFrom(files, PATH),
      { code: 'chain-broken', message: /outside of/, hint: /parentDirs/ },
      name,
    );
    t.strictSame(files.opened, [PATH]);
  }
});

t.test('an old image without room for header extensions has its backing file', async (t) => {
  const { bytes, places } = makeQcow2({
    path: PATH,
    size: MIB,
    version: 2,
    noExtensionArea: true,
    operations: [],
    backing: { name: './base:1.img' },
  });
  t.equal(places.backingName, 72);
  const base = makeQcow2({ path: '', size: MIB, operations: [] }).bytes;
  await using disk = await openDiskFrom(
    new MemoryFiles([
      [PATH, bytes],
      [join(dirname(PATH), 'base:1.img'), base],
    ]),
    PATH,
  );
  t.match(disk.layers, [{ warnings: [{ code: 'backing-format-missing' }] }, { format: 'qcow2' }]);
});

t.test('a file occurs once in a disk', async (t) => {
  const { bytes } = makeQcow2({ path: PATH, size: MIB, operations: [], dataFile: { name: 'disk.qcow2' } });
  const files = new MemoryFiles([[PATH, bytes]]);
  await t.rejects(openDiskFrom(files, PATH), { code: 'disk-invalid', message: /a file of it already/ });
  t.equal(files.unclosed, 0);
});

t.test('the external data file is one of the files of the disk', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeQcow2({
    path: join(folder, 'disk.qcow2'),
    size: MIB + 512,
    dataFile: { name: 'disk.raw' },
    operations: [
      { kind: 'write', offset: MIB, data: data(512) },
      { kind: 'zero', offset: 0, length: CLUSTER, allocated: true },
    ],
  });
  await using disk = await openDisk(path);
  const paths = [path, join(folder, 'disk.raw')];
  t.strictSame(
    disk.openedFiles.map((file) => file.path),
    paths,
  );
  t.strictSame(
    (await disk.fileStates()).map((file) => file.path),
    paths,
  );
  const before = await disk.sourceFiles();
  t.strictSame(
    before.map(({ structure }) => structure),
    disk.openedFiles.map(({ structure }) => structure),
  );
  t.ok((await contentOf(disk)).equals(Buffer.concat([Buffer.alloc(MIB), data(512)])), 'stale bytes are not seen');
  await t.rejects(openDisk(join(folder, 'disk.raw'), { format: 'qcow2' }), { code: 'disk-invalid', message: /magic/ });
});

t.test('a data file that ends inside an allocated cluster is refused', async (t) => {
  const { bytes, dataFile } = makeQcow2({
    path: PATH,
    size: MIB,
    dataFile: { name: 'disk.raw' },
    operations: [{ kind: 'write', offset: MIB - CLUSTER, data: data(CLUSTER) }],
  });
  const files = new MemoryFiles([
    [PATH, bytes],
    [join(dirname(PATH), 'disk.raw'), dataFile?.subarray(0, -1) ?? data(0)],
  ]);
  await t.rejects(openDiskFrom(files, PATH), { code: 'disk-invalid', message: /end of the data file/ });
  t.equal(files.unclosed, 0);
});

t.test('snapshots read as qemu-img reads them', { skip: withoutQemuImg }, async (t) => {
  const folder = await temporaryFolder(t);
  qemuImg(folder, 'create', '-f', 'qcow2', 'disk.qcow2', '3M');
  const write = (...words: string[]) =>
    qemuImg(folder, 'bench', '-w', '-c', '1', '-s', '65536', ...words, 'disk.qcow2');
  write('--pattern=17', '-o', '0');
  qemuImg(folder, 'snapshot', '-c', 'one', 'disk.qcow2');
  write('--pattern=34', '-o', '65536');
  qemuImg(folder, 'snapshot', '-c', '1', 'disk.qcow2');
  write('--pattern=51', '-o', '0');
  const path = join(folder, 'disk.qcow2');
  for (const [snapshot, qemuName] of [
    ['one', 'one'],
    ['1', '1'],
    ['2', '2'],
  ] as const) {
    await using disk = await openDisk(path, { snapshot });
    const name = qemuName === '1' ? 'one' : qemuName === '2' ? '1' : qemuName;
    const byQemu = await readByQemu(folder, { name: 'disk.qcow2', format: 'qcow2' }, '-l', `snapshot.name=${name}`);
    t.ok((await contentOf(disk)).equals(byQemu), `the snapshot ${snapshot}: an id goes before a name`);
  }
  await using present = await openDisk(path);
  t.ok((await contentOf(present)).equals(await readByQemu(folder, { name: 'disk.qcow2', format: 'qcow2' })));
  await using one = await openDisk(path, { snapshot: 'one' });
  t.not(one.id, present.id);
  t.not(one.openedFiles[0]?.structure, present.openedFiles[0]?.structure);
  await t.rejects(openDisk(path, { snapshot: 'three' }), {
    code: 'disk-unsupported',
    message: /no snapshot three; the snapshots are 1 \(one\), 2 \(1\)/,
  });
});

t.test('a snapshot that is named by a name that two have is refused', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeQcow2({
    path: join(folder, 'disk.qcow2'),
    size: MIB,
    operations: [],
    snapshots: ['1', '2'].map((id) => ({ id, name: 'same', after: 0 })),
  });
  await t.rejects(openDisk(path, { snapshot: 'same' }), {
    message: /2 snapshots have the name same; the snapshots are/,
  });
  await using disk = await openDisk(path, { snapshot: '2' });
  t.equal(disk.size, MIB);
});

t.test('an image that is named as another format says what it is', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeQcow2({ path: join(folder, 'disk.img'), size: MIB, operations: [] });
  await t.rejects(openDisk(path, { format: 'vhd' }), {
    code: 'disk-unsupported',
    message: /this is a QCOW2 image/,
    hint: /leave out `format`/,
  });
  await using disk = await openDisk(path, { format: 'raw' });
  t.match(disk.layers, [{ format: 'raw', warnings: [{ code: 'looks-like-image' }] }]);
});

t.test('the same state has the same id wherever it is, another state another', { skip: withoutQemuImg }, async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'elsewhere'));
  const path = join(folder, 'disk.qcow2');
  const spec: Qcow2Spec = { path, size: MIB, operations: [{ kind: 'write', offset: 0, data: data(CLUSTER) }] };
  await writeQcow2(spec);
  const idOf = async (at: string) => {
    await using disk = await openDisk(at);
    return disk.id;
  };
  const id = await idOf(path);
  t.match(id, /^.{8}-.{4}-8/);
  await copyFile(path, join(folder, 'elsewhere', 'other.qcow2'));
  t.equal(await idOf(join(folder, 'elsewhere', 'other.qcow2')), id, 'at another path');
  qemuImg(folder, 'check', '-r', 'all', 'disk.qcow2');
  t.equal(await idOf(path), id, 'after a check');
  const { bytes } = makeQcow2({ ...spec, copiedBits: false });
  const uncopied = join(folder, 'uncopied.qcow2');
  await writeFile(uncopied, bytes);
  t.notOk(bytes.equals(await readFile(path)));
  t.equal(await idOf(uncopied), id, 'without COPIED bits');
  qemuImg(folder, 'bench', '-w', '-c', '1', '-s', '65536', '-o', '131072', 'disk.qcow2');
  t.not(await idOf(path), id, 'after a write that allocates');
});

t.test("a child's id depends on its parent", async (t) => {
  const child = makeQcow2({
    path: PATH,
    size: MIB,
    operations: [],
    backing: { name: 'base.qcow2', format: 'qcow2' },
  }).bytes;
  const ids = await Promise.all(
    [[], [{ kind: 'write', offset: 0, data: data(512) } as const]].map(async (operations) => {
      const base = makeQcow2({ path: '', size: MIB, operations }).bytes;
      await using disk = await openDiskFrom(
        new MemoryFiles([
          [PATH, child],
          [join(dirname(PATH), 'base.qcow2'), base],
        ]),
        PATH,
      );
      t.equal(disk.layers[0]?.parentId, disk.layers[1]?.id);
      t.equal(disk.ancestor(1).id, disk.layers[1]?.id);
      return disk.id;
    }),
  );
  t.not(ids[0], ids[1]);
});

t.test('a change of the tables is a change of the structures', async (t) => {
  const folder = await temporaryFolder(t);
  const { path, places } = await writeQcow2({
    path: join(folder, 'disk.qcow2'),
    size: MIB,
    operations: [{ kind: 'write', offset: 0, data: data(CLUSTER) }],
  });
  await using disk = await openDisk(path);
  const bytes = await readFile(path);
  t.equal((await disk.sourceFiles())[0]?.structure, disk.openedFiles[0]?.structure);
  bytes.writeUInt8(1, (places.clusterAt(0)?.entry ?? NaN) + 15);
  await writeFile(path, bytes);
  t.not((await disk.sourceFiles())[0]?.structure, disk.openedFiles[0]?.structure);
});
