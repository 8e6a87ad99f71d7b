import { spawnSync, execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { flatten, writeImage, type Write } from '../../../fixtures/vhd.js';
import { PIECE_ALIGNMENT } from '../../../src/disk/disk-writer.js';
import { OutputFile } from '../../../src/disk/output-file.js';
import { parseFooter } from '../../../src/disk/vhd/footer.js';
import { SparseVhdWriter, type SparseSpec } from '../../../src/disk/vhd/writer.js';
import { fixedFooterOf, openDisk, type Disk } from '../../../src/index.js';
import { nonZeroRanges } from '../../../src/bytes/non-zero.js';
import { differingRanges } from '../../../src/bytes/differing.js';
import { temporaryFolder } from '../../support/folder.js';

const MIB = 1024 * 1024;
const SECTOR = 512;
const GIB = 1024 * MIB;

/** The footer of a fixed VHD of a size, by the fixtures' code. */
async function footerFor(folder: string, size: number, id = randomUUID()): Promise<Buffer> {
  const path = join(folder, `${id}.fixed`);
  await writeImage({ path, type: 'fixed', size, id, writes: [] });
  await using file = await OutputFile.reopen(path);
  const footer = Buffer.alloc(SECTOR);
  await file.read(size, footer);
  await rm(path);
  return footer;
}

async function contentOf(disk: Disk): Promise<Buffer> {
  const content = Buffer.alloc(disk.size);
  await disk.read(0, content);
  return content;
}

interface Content {
  readonly content: Buffer;
  readonly parent?: Buffer | undefined;
}

/** Puts pieces of a disk: what is not zero, or differs from the parent. */
async function put(writer: SparseVhdWriter, { content, parent }: Content, offsets: readonly number[]): Promise<void> {
  await Promise.all(
    offsets.map(async (offset) => {
      const piece = content.subarray(offset, offset + 2 * PIECE_ALIGNMENT);
      const below = Buffer.alloc(piece.length);
      parent?.copy(below, 0, offset, offset + piece.length);
      await writer.put(offset, piece, parent ? differingRanges(piece, below) : nonZeroRanges(piece, 0));
    }),
  );
}

const writes = fc.array(
  fc.record({ at: fc.nat(12 * 1024 - 1), sectors: fc.integer({ min: 1, max: 40 }), isZero: fc.boolean() }),
  { maxLength: 25 },
);

function toWrites(items: readonly { at: number; sectors: number; isZero: boolean }[], size: number): Write[] {
  return items.flatMap(({ at, sectors, isZero }) => {
    const offset = (at * 1024) % size;
    const length = Math.min(sectors * SECTOR, size - offset);
    return [{ offset, data: isZero ? Buffer.alloc(length) : randomBytes(length) }];
  });
}

t.test(
  'whatever was put, also in two runs and over a parent of another size, the independent reader reads back',
  async (t) => {
    const folder = await temporaryFolder(t);
    const seed = Date.now();
    t.comment(`seed ${seed}`);
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        writes,
        writes,
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 1, max: 20_000 }),
        fc.boolean(),
        fc.nat(4),
        async (below, above, sectors, parentSectors, hasParent, cut) => {
          const size = sectors * SECTOR;
          const own = join(folder, `Dïsk ${++run}`);
          await mkdir(join(own, 'the parents'), { recursive: true });
          const parentSize = parentSectors * SECTOR;
          const parentWrites = toWrites(below, parentSize);
          const parent = hasParent
            ? await writeImage({
                path: join(own, 'the parents', 'Elternteil ü.vhd'),
                type: 'dynamic',
                size: parentSize,
                writes: parentWrites,
                timeStamp: 77,
              })
            : undefined;
          const content = flatten([
            ...(parent ? [{ size: parentSize, writes: parentWrites }] : []),
            { size, writes: toWrites(above, size) },
          ]);
          const inParent =
            parent &&
            flatten([
              { size: parentSize, writes: parentWrites },
              { size, writes: [] },
            ]);
          const footer = await footerFor(own, size);
          const path = join(own, 'out.vhd');
          const spec: SparseSpec = { footer, parent: parent && { ...parent, timeStamp: 77, childFolder: own } };
          const offsets = Array.from(
            { length: Math.ceil(size / (2 * PIECE_ALIGNMENT)) },
            (_, index) => index * 2 * PIECE_ALIGNMENT,
          ).reverse();

          // A first run ends after some pieces; what it put after its last sync is put again by the second.
          const first = await OutputFile.create(path);
          const begun = await SparseVhdWriter.create(first, spec);
          await put(begun, { content, parent: inParent }, offsets.slice(0, cut));
          const { end } = begun;
          await begun.sync();
          await put(begun, { content: Buffer.alloc(size, 0xbad), parent: inParent }, offsets.slice(cut, cut + 1));
          if (cut % 2 === 0) await begun.sync();
          await first.close();

          await using file = await OutputFile.reopen(path);
          const writer = await SparseVhdWriter.resume(file, spec, end);
          await put(writer, { content, parent: inParent }, offsets.slice(cut));
          await writer.finish();

          await using disk = await openDisk(path);
          if (!(await contentOf(disk)).equals(content)) throw new Error('the content differs');
          if (!Buffer.from(fixedFooterOf(disk)).subarray(68, 84).equals(footer.subarray(68, 84)))
            throw new Error('another id');
          const warnings = [...disk.warnings, ...disk.layers.flatMap((layer) => layer.warnings)].filter(
            ({ code }) => code !== 'parent-size',
          );
          if (warnings.length > 0) throw new Error(JSON.stringify(warnings));
          let zeros = 0;
          for await (const extent of disk.extents({ above: 1 })) if (extent.kind === 'zero') zeros += extent.length;
          if (parent && zeros > Math.max(0, size - parentSize))
            throw new Error('a sector that became zero is stored as data');
          await rm(own, { recursive: true });
        },
      ),
      { numRuns: 30, seed },
    );
    t.pass('30 images');
  },
);

t.test('identity, times, sizes, geometry and creator are those of the footer given; both copies agree', async (t) => {
  const folder = await temporaryFolder(t);
  const footer = await footerFor(folder, 3 * MIB);
  const path = join(folder, 'out.vhd');
  {
    await using file = await OutputFile.create(path);
    await (await SparseVhdWriter.create(file, { footer })).finish();
  }
  const bytes = await readFile(path);
  const own = bytes.subarray(-SECTOR);
  t.ok(own.equals(bytes.subarray(0, SECTOR)), 'the copy at the start is the footer at the end');
  const kept = (one: Buffer) => Buffer.concat([one.subarray(0, 16), one.subarray(24, 60), one.subarray(68)]);
  t.ok(kept(own).equals(kept(footer)), 'all but data offset, disk type and checksum');
  t.match(parseFooter(own), { diskType: 3, dataOffset: 512n });
});

t.test('a lone sector is one bit, the most significant first, and the parent is named as Windows does', async (t) => {
  const folder = await temporaryFolder(t);
  const size = 4 * MIB;
  await mkdir(join(folder, 'kinder'));
  const parent = await writeImage({ path: join(folder, 'Vater 1.vhd'), type: 'dynamic', size, writes: [] });
  const path = join(folder, 'kinder', 'out.vhd');
  const content = Buffer.alloc(size);
  content.fill(7, 2 * MIB + 9 * SECTOR, 2 * MIB + 10 * SECTOR);
  {
    await using file = await OutputFile.create(path);
    const writer = await SparseVhdWriter.create(file, {
      footer: await footerFor(folder, size),
      parent: { ...parent, timeStamp: 5, childFolder: dirname(path) },
    });
    await put(writer, { content, parent: Buffer.alloc(size) }, [0]);
    await writer.finish();
  }
  const bytes = await readFile(path);
  const tableOffset = Number(bytes.readBigUInt64BE(SECTOR + 16));
  t.equal(bytes.readUInt32BE(tableOffset), 0xffffffff, 'the first block is not there');
  const block = bytes.readUInt32BE(tableOffset + 4) * SECTOR;
  t.equal(
    bytes.subarray(block, block + SECTOR).toString('hex'),
    `0040${'00'.repeat(510)}`,
    'sector 9 is bit 6 of the second byte',
  );
  t.ok(bytes.includes(Buffer.from('..\\Vater 1.vhd', 'utf16le')), 'W2ru, relative to the child');
  t.ok(bytes.includes(Buffer.from(parent.path, 'utf16le')), 'W2ku, absolute');
  t.equal(
    Buffer.from(bytes.subarray(SECTOR + 64, SECTOR + 64 + 2 * basename(parent.path).length))
      .swap16()
      .toString('utf16le'),
    'Vater 1.vhd',
    'the Unicode name, UTF-16 BE',
  );
  t.equal(bytes.readUInt32BE(SECTOR + 56), 5, "the parent's time stamp");
});

t.test('a disk of 2,000 GiB with data at its very end is a small file; above 2,040 GiB is refused', async (t) => {
  const folder = await temporaryFolder(t);
  const size = 2000 * GIB;
  const footer = Buffer.from(await footerFor(folder, 3 * MIB));
  footer.writeBigUInt64BE(BigInt(size), 48);
  const path = join(folder, 'out.vhd');
  const piece = Buffer.alloc(4 * MIB);
  piece.fill(9, piece.length - SECTOR);
  {
    await using file = await OutputFile.create(path);
    const writer = await SparseVhdWriter.create(file, { footer });
    await writer.put(size - piece.length, piece, nonZeroRanges(piece, 0));
    await writer.finish();
  }
  t.ok((await stat(path)).size < 8 * MIB);
  await using disk = await openDisk(path, { ignoreChecksum: true });
  const end = Buffer.alloc(1024);
  await disk.read(size - 1024, end);
  t.ok(end.equals(piece.subarray(-1024)));
  footer.writeBigUInt64BE(BigInt(2040 * GIB + SECTOR), 48);
  await using other = await OutputFile.create(join(folder, 'too large.vhd'));
  await t.rejects(SparseVhdWriter.create(other, { footer }), { code: 'disk-unsupported', hint: /`format: 'fixed'`/ });
});

const isHere = spawnSync('qemu-img', ['--version']).status === 0;

t.test(
  'qemu-img reads and checks a dynamic disk as it was put',
  { skip: !isHere && 'qemu-img is not installed' },
  async (t) => {
    const folder = await temporaryFolder(t);
    const size = 13 * MIB;
    const content = flatten([
      {
        size,
        writes: [
          { offset: 0, data: randomBytes(4096) },
          { offset: 5 * MIB, data: randomBytes(3 * MIB) },
          { offset: size - SECTOR, data: randomBytes(SECTOR) },
        ],
      },
    ]);
    const path = join(folder, 'out.vhd');
    {
      await using file = await OutputFile.create(path);
      const writer = await SparseVhdWriter.create(file, { footer: await footerFor(folder, size) });
      await put(writer, { content }, [8 * MIB, 0, 4 * MIB, 12 * MIB]);
      await writer.finish();
    }
    execFileSync('qemu-img', ['convert', '-f', 'vpc', '-O', 'raw', path, join(folder, 'out.raw')]);
    const raw = await readFile(join(folder, 'out.raw'));
    t.ok(raw.length >= size && raw.subarray(0, size).equals(content));
  },
);
