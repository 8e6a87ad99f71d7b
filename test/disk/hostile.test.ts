import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { setChecksum, writeImage, type LocatorSpec } from '../../fixtures/vhd.js';
import { openDisk, VhdupError } from '../../src/index.js';
import { checkDiskFrom } from '../../src/disk/check.js';
import { openDiskFrom } from '../../src/disk/open.js';
import { temporaryFolder } from '../support/folder.js';
import { MemoryFiles } from '../support/memory-files.js';
import { HOSTILE_NAMES } from '../support/mutations.js';

const SIZE = 64 * 1024;
const BLOCK = 4096;
const HEADER = 512;
const BAT = 512 + 1024;
const PARENT_ID = '11111111-2222-3333-4444-555555555555';

async function childWith(t: Test, locators: readonly LocatorSpec[], name = '') {
  const folder = join(await temporaryFolder(t), 'vms');
  await mkdir(folder);
  const { path } = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: SIZE,
    blockSize: BLOCK,
    parent: { path: join(folder, 'gone.vhd'), id: PARENT_ID, name, locators },
    writes: [{ offset: 0, data: Buffer.alloc(BLOCK, 1) }],
  });
  return { folder, path, file: await readFile(path) };
}

async function refusal(path: string, followAbsoluteParents = false): Promise<VhdupError> {
  const error = await openDisk(path, { followAbsoluteParents }).then(
    async (disk) => {
      await disk.close();
      return undefined;
    },
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof VhdupError)) throw error ?? new Error('it opened');
  return error;
}

/** An id for each place in a chain. */
const idAt = (place: number) => Buffer.from(place.toString(16).padStart(32, '0'), 'hex');

/** A chain in memory of which each image asks for the next; `next` tells its place. */
async function longChain(t: Test, count: number, next: (place: number) => number): Promise<MemoryFiles> {
  const { file } = await childWith(t, []);
  const name = (place: number) => `${place}.vhd`;
  return new MemoryFiles(
    Array.from({ length: count }, (_, place) => {
      const image = Buffer.from(file);
      idAt(next(place) + 1).copy(image, HEADER + 40);
      Buffer.from(name(next(place)), 'utf16le')
        .swap16()
        .copy(image, HEADER + 64);
      setChecksum(image.subarray(HEADER, HEADER + 1024), 36);
      for (const at of [0, image.length - 512]) {
        idAt(place + 1).copy(image, at + 68);
        setChecksum(image.subarray(at, at + 512), 64);
      }
      return [join('/vms', name(place)), image] as const;
    }),
  );
}

t.test('a chain of a thousand images is refused after 128, in a short message, and check agrees', async (t) => {
  const files = await longChain(t, 1000, (place) => place + 1);
  const error = await openDiskFrom(files, '/vms/0.vhd').catch((thrown: unknown) => thrown as VhdupError);
  t.match(error, {
    code: 'chain-broken',
    message: /0\.vhd .* ← 123 more ← .*127\.vhd .* is broken: it is deeper than 128 layers/,
  });
  t.ok((error as Error).message.length < 2000);
  t.equal(files.opened.length, 128);
  t.equal(files.unclosed, 0);
  t.match((await checkDiskFrom(files, '/vms/0.vhd')).errors, [{ code: 'chain-broken', message: /deeper than 128/ }]);
  t.equal(files.unclosed, 0);
});

t.test('loops of any length are refused where they close', async (t) => {
  for (const length of [1, 2, 100]) {
    const files = await longChain(t, length, (place) => (place + 1) % length);
    await t.rejects(
      openDiskFrom(files, '/vms/0.vhd'),
      { code: 'chain-broken', message: /0\.vhd is its own ancestor/ },
      `a loop of ${length}`,
    );
    t.equal(files.unclosed, 0);
  }
});

t.test('no name that a locator carries crashes the reader, leads it astray, or spoils its message', async (t) => {
  for (const name of [
    ...HOSTILE_NAMES,
    '',
    '\0',
    '\0'.repeat(1000),
    'x'.repeat(30_000),
    '../'.repeat(5000),
    '\u0000/etc/passwd',
  ]) {
    for (const code of ['W2ru', 'W2ku', 'MacX']) {
      const { path } = await childWith(t, [{ code, text: name }], 'gone.vhd');
      const error = await refusal(path, code === 'W2ku');
      const what = `${code} ${JSON.stringify(name.slice(0, 40))}`;
      t.equal(error.code, 'chain-broken', what);
      t.ok(error.message.length < 4096, 'short');
      t.notMatch(error.message, /[\u0000-\u0009\u000b-\u001f\u202a-\u202e]|\p{Surrogate}/u, 'printable');
    }
  }
});

t.test('lengths and places of locators are checked before memory is taken', async (t) => {
  const fields: readonly (readonly [what: string, change: (entry: Buffer) => void, message: RegExp])[] = [
    [
      '10 MB long',
      (entry) => entry.writeUInt32BE(10_000_000, 8),
      /parent locator W2ru at offset 1088: a length of 10000000 bytes/,
    ],
    ['2^32 − 1 long', (entry) => entry.writeUInt32BE(0xffffffff, 8), /a length of 4294967295 bytes/],
    ['past the end', (entry) => entry.writeBigUInt64BE(2n ** 63n, 16), /is not within the file's data/],
    ['in the footer copy', (entry) => entry.writeBigUInt64BE(0n, 16), /is not within the file's data/],
    ['in the header', (entry) => entry.writeBigUInt64BE(BigInt(HEADER), 16), /overlaps the dynamic header/],
  ];
  const { path, file } = await childWith(t, [{ code: 'W2ru', text: '.\\gone.vhd' }]);
  for (const [what, change, message] of fields) {
    const damaged = Buffer.from(file);
    change(damaged.subarray(HEADER + 576, HEADER + 600));
    setChecksum(damaged.subarray(HEADER, HEADER + 1024), 36);
    await writeFile(path, damaged);
    t.match(await refusal(path), { code: 'disk-invalid', message }, what);
  }
  const nameless = await childWith(t, [
    { code: 'W2ru', text: '\0' },
    { code: 'Wi2k', text: 'C:\\gone.vhd' },
  ]);
  t.match(await refusal(nameless.path), { code: 'disk-invalid', message: /without a usable locator or parent name/ });
});

t.test('every block at one place, every entry 0, every entry the last sector', async (t) => {
  const { path, file } = await childWith(t, [{ code: 'W2ru', text: '.\\gone.vhd' }]);
  for (const [value, message] of [
    [file.readUInt32BE(BAT), /overlaps the block/],
    [0, /points into the footer copy/],
    [0xfffffffe, /past the end/],
  ] as const) {
    const damaged = Buffer.from(file);
    for (let index = 0; index < SIZE / BLOCK; index++) damaged.writeUInt32BE(value, BAT + index * 4);
    await writeFile(path, damaged);
    t.match(await refusal(path), { code: 'disk-invalid', message });
  }
});

t.test(
  'a pipe, a folder or a device as parent is told, and not waited for',
  { skip: process.platform === 'win32' && 'Windows has no named pipes in folders' },
  async (t) => {
    const { folder, path } = await childWith(t, [
      { code: 'W2ru', text: '.\\pipe' },
      { code: 'W2ku', text: '.\\folder' },
      { code: 'MacX', text: 'file:///dev/zero' },
    ]);
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await mkdir(join(folder, 'folder'));
    t.match(await refusal(path, true), {
      code: 'chain-broken',
      message: /pipe: not a regular file\n.*folder: not a regular file\n.*zero: not a regular file/,
    });
  },
);
