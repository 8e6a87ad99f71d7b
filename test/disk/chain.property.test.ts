import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { openDisk, type Extent } from '../../src/index.js';
import { chains, writeChain } from '../support/chains.js';
import { temporaryFolder } from '../support/folder.js';

const RUNS = 120;

t.test('any chain reads as the oracle says, and its extents tell the truth about every layer', async (t) => {
  const folder = await temporaryFolder(t);
  const seed = Date.now();
  t.comment(`seed ${seed}`);
  await fc.assert(fc.asyncProperty(chains, fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 6 }), async (specs, cuts) => {
    const own = await mkdtemp(join(folder, 'chain-'));
    const layers = (await writeChain(own, specs)).reverse();
    const [top] = layers;
    if (!top) return;
    await using disk = await openDisk(top.path);
    const whole = Buffer.alloc(disk.size, 0xee);
    await disk.read(0, whole);
    if (!whole.equals(top.content)) throw new Error('the whole disk differs');

    for (const [from, to] of cuts) {
      const start = Math.floor(Math.min(from, to) * disk.size);
      const piece = Buffer.alloc(Math.floor(Math.abs(to - from) * disk.size), 0xee);
      const fits = piece.subarray(0, Math.min(piece.length, disk.size - start));
      await disk.read(start, fits);
      if (!fits.equals(top.content.subarray(start, start + fits.length))) throw new Error(`a piece at ${start} differs`);
    }

    for (let above = 0; above <= layers.length; above++) {
      const lower = layers[above]?.content ?? Buffer.alloc(0);
      let end = 0;
      for await (const extent of disk.extents({ above })) {
        if (extent.offset !== end || extent.length <= 0) throw new Error(`a gap or overlap at ${end}`);
        end += extent.length;
        checkExtent(extent, above, top.content, lower);
      }
      if (end !== disk.size) throw new Error('the extents do not cover the disk');
      if (above < layers.length) {
        const ancestor = disk.ancestor(above);
        const seen = Buffer.alloc(ancestor.size);
        await ancestor.read(0, seen);
        if (!seen.equals(lower)) throw new Error(`ancestor ${above} differs`);
      }
    }
    await rm(own, { recursive: true });
  }), { numRuns: RUNS, seed });
  t.pass(`${RUNS} chains`);
});

function checkExtent({ offset, length, kind, layer }: Extent, above: number, content: Buffer, lower: Buffer): void {
  const here = content.subarray(offset, offset + length);
  if (kind === 'zero' && here.some((byte) => byte !== 0)) throw new Error(`not zero at ${offset}`);
  if (kind === 'data' && layer >= above) throw new Error(`data of layer ${layer}, asked for those above ${above}`);
  if (kind === 'absent') {
    const below = Buffer.alloc(length);
    if (offset < lower.length) lower.copy(below, 0, offset, offset + length);
    if (!here.equals(below)) throw new Error(`absent at ${offset}, but the ancestor has something else`);
  }
}
