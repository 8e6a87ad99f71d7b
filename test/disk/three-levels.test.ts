import { open } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { flatten, writeImage, type Write } from '../../fixtures/vhd.js';
import { openDisk } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';

const MIB = 1024 * 1024;

t.test(
  "a sector of the child in a block that only the grandparent has: all other sectors are the grandparent's",
  async (t) => {
    const folder = await temporaryFolder(t);
    const size = 8 * MIB;
    const grandparentWrites = [{ offset: 2 * MIB, data: Buffer.alloc(2 * MIB, 0xaa) }];
    const childWrites = [{ offset: 2 * MIB + 7 * 512, data: Buffer.alloc(512, 0xcc) }];
    const grandparent = await writeImage({
      path: join(folder, 'a.vhd'),
      type: 'dynamic',
      size,
      writes: grandparentWrites,
    });
    const middle = await writeImage({
      path: join(folder, 'b.vhd'),
      type: 'differencing',
      size,
      parent: grandparent,
      writes: [],
    });
    const child = await writeImage({
      path: join(folder, 'c.vhd'),
      type: 'differencing',
      size,
      parent: middle,
      writes: childWrites,
    });
    await using disk = await openDisk(child.path);
    const content = Buffer.alloc(size);
    await disk.read(0, content);
    t.ok(
      content.equals(
        flatten([
          { size, writes: grandparentWrites },
          { size, writes: childWrites },
        ]),
      ),
    );
    const changed = [];
    for await (const extent of disk.extents({ above: 1 })) if (extent.kind === 'data') changed.push(extent);
    t.strictSame(
      changed,
      [{ offset: 2 * MIB + 7 * 512, length: 512, kind: 'data', layer: 0 }],
      'and only that sector has changed',
    );
  },
);

t.test('the most significant bit of the bitmap is the first sector', async (t) => {
  const folder = await temporaryFolder(t);
  for (const sector of [0, 1, 7, 8, 15, 4095]) {
    const parent = await writeImage({
      path: join(folder, `p${sector}.vhd`),
      type: 'dynamic',
      size: 2 * MIB,
      writes: [{ offset: 0, data: Buffer.alloc(2 * MIB, 1) }],
    });
    const child = await writeImage({
      path: join(folder, `c${sector}.vhd`),
      type: 'differencing',
      size: 2 * MIB,
      parent,
      writes: [{ offset: sector * 512, data: Buffer.alloc(512, 2) }],
    });
    await using disk = await openDisk(child.path);
    const content = Buffer.alloc(disk.size);
    await disk.read(0, content);
    t.equal(content.indexOf(2), sector * 512);
    t.equal(content.lastIndexOf(2), sector * 512 + 511);
  }
});

const filled = (offset: number, length: number, byte: number): Write => ({ offset, data: Buffer.alloc(length, byte) });

t.test(
  "a layer larger than its parent reads zeros behind the parent's end, a smaller one cuts it off for good",
  async (t) => {
    const folder = await temporaryFolder(t);
    const full = [filled(0, 5 * MIB, 0xaa)];
    for (const sizes of [
      [5, 7, 7],
      [5, 3, 3],
      [5, 3, 5],
      [5, 5, 8],
      [5, 8, 3],
    ].map((list) => list.map((mib) => mib * MIB + 512))) {
      const specs = sizes.map((size, index) => ({
        size,
        writes: index === 0 ? full : [filled(index * 1024, 512, index)],
      }));
      let parent: { path: string; id: string } | undefined;
      for (const [index, spec] of specs.entries()) {
        parent = await writeImage({
          ...spec,
          path: join(folder, `${sizes.join('-')} ${index}.vhd`),
          type: parent ? 'differencing' : 'dynamic',
          ...(parent ? { parent } : {}),
        });
      }
      await using disk = await openDisk(parent?.path ?? '');
      const content = Buffer.alloc(disk.size, 0xee);
      await disk.read(0, content);
      t.ok(content.equals(flatten(specs)), `sizes ${sizes.join(', ')}, root first`);
      t.equal(
        disk.warnings.filter(({ code }) => code === 'parent-size').length,
        sizes.filter((size, index) => index > 0 && size !== sizes[index - 1]).length,
        'and each change of size is told',
      );
    }
  },
);

t.test('what the last block holds beyond the size is no part of the disk, also for a larger child', async (t) => {
  const folder = await temporaryFolder(t);
  const size = 2 * MIB + 512;
  const parent = await writeImage({
    path: join(folder, 'p.vhd'),
    type: 'dynamic',
    size,
    writes: [filled(2 * MIB, 512, 1)],
  });
  // The second block's data begins one bitmap behind its BAT entry; its second sector lies behind the end of the disk.
  const file = await open(parent.path, 'r+');
  const entry = Buffer.alloc(4);
  await file.read(entry, 0, 4, 1536 + 4);
  await file.write(Buffer.alloc(512, 9), 0, 512, (entry.readUInt32BE() + 2) * 512);
  await file.close();
  const child = await writeImage({
    path: join(folder, 'c.vhd'),
    type: 'differencing',
    size: 4 * MIB,
    parent,
    writes: [filled(0, 512, 2)],
  });
  await using disk = await openDisk(child.path);
  const content = Buffer.alloc(disk.size, 0xee);
  await disk.read(0, content);
  t.equal(content.indexOf(9), -1);
  t.ok(
    content.equals(
      flatten([
        { size, writes: [filled(2 * MIB, 512, 1)] },
        { size: 4 * MIB, writes: [filled(0, 512, 2)] },
      ]),
    ),
  );
  await t.rejects(disk.ancestor(1).read(size - 512, Buffer.alloc(1024)), RangeError, 'and cannot be asked for');
});
