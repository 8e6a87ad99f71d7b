import { join } from 'node:path';
import t from 'tap';
import { flatten, writeImage } from '../../fixtures/vhd.js';
import { openDisk } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';

const MIB = 1024 * 1024;

t.test('a sector of the child in a block that only the grandparent has: all other sectors are the grandparent\'s', async (t) => {
  const folder = await temporaryFolder(t);
  const size = 8 * MIB;
  const grandparentWrites = [{ offset: 2 * MIB, data: Buffer.alloc(2 * MIB, 0xaa) }];
  const childWrites = [{ offset: 2 * MIB + 7 * 512, data: Buffer.alloc(512, 0xcc) }];
  const grandparent = await writeImage({ path: join(folder, 'a.vhd'), type: 'dynamic', size, writes: grandparentWrites });
  const middle = await writeImage({ path: join(folder, 'b.vhd'), type: 'differencing', size, parent: grandparent, writes: [] });
  const child = await writeImage({ path: join(folder, 'c.vhd'), type: 'differencing', size, parent: middle, writes: childWrites });
  await using disk = await openDisk(child.path);
  const content = Buffer.alloc(size);
  await disk.read(0, content);
  t.ok(content.equals(flatten([{ size, writes: grandparentWrites }, { size, writes: childWrites }])));
  const changed = [];
  for await (const extent of disk.extents({ above: 1 })) if (extent.kind === 'data') changed.push(extent);
  t.strictSame(changed, [{ offset: 2 * MIB + 7 * 512, length: 512, kind: 'data', layer: 0 }], 'and only that sector has changed');
});

t.test('the most significant bit of the bitmap is the first sector', async (t) => {
  const folder = await temporaryFolder(t);
  for (const sector of [0, 1, 7, 8, 15, 4095]) {
    const parent = await writeImage({ path: join(folder, `p${sector}.vhd`), type: 'dynamic', size: 2 * MIB, writes: [{ offset: 0, data: Buffer.alloc(2 * MIB, 1) }] });
    const child = await writeImage({ path: join(folder, `c${sector}.vhd`), type: 'differencing', size: 2 * MIB, parent, writes: [{ offset: sector * 512, data: Buffer.alloc(512, 2) }] });
    await using disk = await openDisk(child.path);
    const content = Buffer.alloc(disk.size);
    await disk.read(0, content);
    t.equal(content.indexOf(2), sector * 512);
    t.equal(content.lastIndexOf(2), sector * 512 + 511);
  }
});
