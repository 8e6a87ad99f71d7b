import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { setChecksum, writeImage } from '../../fixtures/vhd.js';
import { checkDisk, openDisk } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';

const HEADER = 512;
const BAT = 512 + 1024;
const BLOCK = 4096;

async function dynamicImage(t: Test, blocks = 4) {
  const folder = await temporaryFolder(t);
  const { path, id } = await writeImage({
    path: join(folder, 'disk.vhd'),
    type: 'dynamic',
    size: blocks * BLOCK,
    blockSize: BLOCK,
    writes: [{ offset: 0, data: Buffer.alloc(blocks * BLOCK, 1) }],
  });
  return { folder, path, id, file: await readFile(path) };
}

t.test(
  'all that is wrong is listed, each with its file, its offset and its field; the reader refuses by the first',
  async (t) => {
    const { path, file } = await dynamicImage(t);
    file.writeUInt8(1, HEADER + 900);
    file.writeUInt32BE(7, HEADER + 24);
    file.writeUInt32BE(1, BAT);
    file.writeUInt32BE(0x7fffffff, BAT + 4);
    file.writeUInt8(1, file.length - 512 + 200);
    file.writeUInt8(1, 200);
    await writeFile(path, file);
    const { errors } = await checkDisk(path);
    t.strictSame(
      errors.map(({ file: where, offset, field }) => [where, offset, field]),
      [
        [path, file.length - 512 + 64, 'footer checksum'],
        [path, 64, 'footer checksum'],
        [path, HEADER + 24, 'dynamic header version'],
        [path, HEADER + 36, 'dynamic header checksum'],
        [path, BAT, 'BAT entry 0'],
        [path, BAT + 4, 'BAT entry 1'],
      ],
    );
    await t.rejects(openDisk(path), {
      code: 'disk-invalid',
      message: `${path}: footer checksum at offset ${file.length - 512 + 64}: `,
    });
  },
);

t.test('what opens has no errors; what is odd is a warning with its place', async (t) => {
  const { path, file, id } = await dynamicImage(t);
  const sound = await checkDisk(path);
  t.strictSame(sound, { files: [{ path, type: 'dynamic', id, virtualSize: 4 * BLOCK }], errors: [], warnings: [] });
  file.writeUInt8(9, 300);
  await writeFile(path, file);
  t.match(await checkDisk(path), {
    errors: [],
    warnings: [
      { file: path, offset: 64, field: 'footer checksum of the copy', message: /copy at the start is damaged/ },
    ],
  });
  setChecksum(file.subarray(0, 512), 64);
  await writeFile(path, file);
  t.match(await checkDisk(path), { errors: [], warnings: [{ field: 'footer copy', message: /differs/ }] });
  await writeFile(path, file.subarray(0, -100));
  t.match(await checkDisk(path), { errors: [], warnings: [{ field: 'footer', message: /missing or damaged/ }] });
});

t.test('a wrong checksum hides no wrong field behind it', async (t) => {
  const { path, file } = await dynamicImage(t);
  file.writeUInt32BE(3000, HEADER + 32);
  file.writeBigUInt64BE(1n, HEADER + 16);
  await writeFile(path, file);
  t.strictSame(
    (await checkDisk(path)).errors.map(({ field }) => field),
    [
      'dynamic header checksum',
      'dynamic header block size',
      'dynamic header table offset',
      'dynamic header table offset',
    ],
  );
});

t.test('many wrong BAT entries are told up to a hundred, the others counted', async (t) => {
  const { path, file } = await dynamicImage(t, 1000);
  for (let index = 0; index < 1000; index++) file.writeUInt32BE(0x7fff0000 - index * 16, BAT + index * 4);
  await writeFile(path, file);
  const { errors } = await checkDisk(path);
  t.equal(errors.length, 101);
  t.match(errors[99], { field: 'BAT entry 99', offset: BAT + 99 * 4, message: /past the end/ });
  t.match(errors[100], { field: 'BAT', message: /^900 more/ });
});

t.test('a block whose bitmap or data is cut short by the end is told so', async (t) => {
  const { folder, path, file } = await dynamicImage(t);
  for (const [sectors, problem] of [
    [0, /past the end/],
    [1, /its data is cut short/],
  ] as const) {
    file.writeUInt32BE((file.length - 512) / 512 - sectors, BAT + 12);
    await writeFile(path, file);
    t.match((await checkDisk(path)).errors, [{ field: 'BAT entry 3', message: problem }]);
  }
  // The bitmap of a block of 8 MiB has four sectors.
  const large = await writeImage({
    path: join(folder, 'large.vhd'),
    type: 'dynamic',
    size: 8 * 1024 * 1024,
    blockSize: 8 * 1024 * 1024,
    writes: [],
  });
  const bytes = await readFile(large.path);
  bytes.writeUInt32BE((bytes.length - 512) / 512 - 1, BAT);
  await writeFile(large.path, bytes);
  t.match((await checkDisk(large.path)).errors, [{ field: 'BAT entry 0', message: /its sector bitmap is cut short/ }]);
});

t.test('a file without its parents is checked all the same', async (t) => {
  const { folder, path } = await dynamicImage(t);
  const child = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: 8 * BLOCK,
    blockSize: BLOCK,
    parent: { path: join(folder, 'gone.vhd'), id: '11111111-2222-3333-4444-555555555555' },
    writes: [{ offset: 0, data: Buffer.alloc(512, 1) }],
  });
  const file = await readFile(child.path);
  file.writeUInt32BE(2, BAT);
  await writeFile(child.path, file);
  const { files, errors } = await checkDisk(child.path);
  t.equal(files.length, 1);
  t.match(errors, [
    { code: 'disk-invalid', file: child.path, field: 'BAT entry 0', offset: BAT },
    {
      code: 'chain-broken',
      file: child.path,
      field: 'parent unique id',
      offset: HEADER + 40,
      message: /gone\.vhd: no such file/,
    },
  ]);
  const other = await writeImage({
    path: join(folder, 'other.vhd'),
    type: 'differencing',
    size: 8 * BLOCK,
    blockSize: BLOCK,
    parent: { path, id: '11111111-2222-3333-4444-555555555555' },
    writes: [],
  });
  t.match((await checkDisk(other.path)).errors, [
    { code: 'chain-broken', message: /its unique id is .*the child asks for 11111111/ },
  ]);
});

t.test(
  'time stamp and size of a parent are compared; a damaged parent is listed with all that is wrong with it',
  async (t) => {
    const { folder, path, id, file } = await dynamicImage(t);
    const child = await writeImage({
      path: join(folder, 'child.vhd'),
      type: 'differencing',
      size: 8 * BLOCK,
      blockSize: BLOCK,
      parent: { path, id, timeStamp: 7 },
      writes: [],
    });
    t.match(await checkDisk(child.path), {
      errors: [],
      warnings: [
        { file: child.path, field: 'parent time stamp', offset: HEADER + 56 },
        { file: child.path, message: /its size is 32768 bytes, its parent's 16384/ },
      ],
    });
    file.writeUInt32BE(1, BAT);
    file.writeUInt32BE(2, BAT + 8);
    await writeFile(path, file);
    const { files, errors } = await checkDisk(child.path);
    t.strictSame(
      files.map(({ path: name }) => name),
      [child.path, path],
    );
    t.match(
      errors.map(({ file: name, field }) => [name, field]),
      [
        [path, 'BAT entry 0'],
        [path, 'BAT entry 2'],
      ],
    );
    await t.rejects(openDisk(child.path), { code: 'disk-invalid', message: `${path}: BAT entry 0` });
  },
);

t.test('a sound parent goes before a damaged one with the same id', async (t) => {
  const { folder, path, id, file } = await dynamicImage(t);
  const damaged = Buffer.from(file);
  damaged.writeUInt32BE(1, BAT);
  await writeFile(join(folder, 'damaged.vhd'), damaged);
  const child = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: 4 * BLOCK,
    blockSize: BLOCK,
    parent: {
      path,
      id,
      locators: [
        { code: 'W2ru', text: 'damaged.vhd' },
        { code: 'W2ku', text: 'disk.vhd' },
      ],
    },
    writes: [],
  });
  await using disk = await openDisk(child.path);
  t.equal(disk.layers[1]?.path, path);
  t.strictSame((await checkDisk(child.path)).errors, []);
});

t.test('fixed disks, and files that are no VHD or not there', async (t) => {
  const folder = await temporaryFolder(t);
  const { path } = await writeImage({ path: join(folder, 'fixed.vhd'), type: 'fixed', size: 65536, writes: [] });
  t.match(await checkDisk(path), { files: [{ type: 'fixed', virtualSize: 65536 }], errors: [] });
  const file = await readFile(path);
  await writeFile(path, file.subarray(512));
  t.match((await checkDisk(path)).errors, [{ code: 'disk-invalid', field: 'footer current size', offset: 65024 + 48 }]);
  await writeFile(path, Buffer.concat([Buffer.from('vhdxfile'), Buffer.alloc(4096)]));
  t.match((await checkDisk(path)).errors, [{ code: 'disk-invalid', message: /too few for a VHDX/ }]);
  t.match((await checkDisk(path, { format: 'vhd' })).errors, [
    { code: 'disk-unsupported', message: /VHDX/, hint: /leave out .*format/ },
  ]);
  await writeFile(path, 'short');
  t.match((await checkDisk(path)).errors, [{ code: 'disk-invalid', message: /too few/ }]);
  t.match((await checkDisk(join(folder, 'none'))).errors, [{ code: 'disk-unreadable', message: 'no such file' }]);
});
