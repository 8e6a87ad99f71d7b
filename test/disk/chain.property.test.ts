import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { openDisk, type Extent } from '../../src/index.js';
import { chains, writeChain, type WrittenLayer } from '../support/chains.js';
import { temporaryFolder } from '../support/folder.js';
import { scaled, seedOfRun } from '../support/scale.js';

const RUNS = scaled(60);
const SECTOR = 512;

/** Chains in which about a third of the writes are all zero. */
const chainsWithZeros = fc.tuple(chains, fc.array(fc.nat(2), { minLength: 31, maxLength: 31 })).map(([specs, fates]) =>
  specs.map((spec, layer) => ({
    ...spec,
    writes: spec.writes.map(({ offset, data }, index) => ({
      offset,
      data: fates[(layer * 12 + index) % fates.length] === 0 ? new Uint8Array(data.length) : data,
    })),
  })),
);

t.test('any chain reads as the oracle says, and its extents tell the truth about every layer', async (t) => {
  const folder = await temporaryFolder(t);
  const seed = seedOfRun();
  t.comment(`seed ${seed}`);
  await fc.assert(
    fc.asyncProperty(
      chainsWithZeros,
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })), {
        maxLength: 6,
      }),
      async (specs, cuts) => {
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
          if (!fits.equals(top.content.subarray(start, start + fits.length)))
            throw new Error(`a piece at ${start} differs`);
        }

        for (let above = 0; above <= layers.length; above++) {
          const lower = layers[above]?.content ?? Buffer.alloc(0);
          let end = 0;
          const found: Extent[] = [];
          for await (const extent of disk.extents({ above })) {
            if (extent.offset !== end || extent.length <= 0) throw new Error(`a gap or overlap at ${end}`);
            end += extent.length;
            found.push(extent);
            checkExtent(extent, above, top.content, lower);
          }
          if (end !== disk.size) throw new Error('the extents do not cover the disk');
          if (JSON.stringify(found) !== JSON.stringify(expectedExtents(layers, above)))
            throw new Error(`the extents above ${above} are not those of the writes`);
          if (above < layers.length) {
            const ancestor = disk.ancestor(above);
            const seen = Buffer.alloc(ancestor.size);
            await ancestor.read(0, seen);
            if (!seen.equals(lower)) throw new Error(`ancestor ${above} differs`);
          }
        }
        await rm(own, { recursive: true });
      },
    ),
    { numRuns: RUNS, seed },
  );
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

/** The oracle, sector by sector: the layer, from the top, that wrote it, ends before it, or has no parent. */
function expectedExtents(layers: readonly WrittenLayer[], above: number): Extent[] {
  const written = layers.map(({ type, writes, blockSize, size }) => {
    const unit = type === 'differencing' ? SECTOR : blockSize;
    const units = new Set<number>();
    for (const { offset, data } of writes)
      for (let at = offset; at < offset + data.length; at += SECTOR) units.add(Math.floor(at / unit));
    return (at: number): Extent['kind'] => {
      if (at >= size) return 'zero';
      if (type === 'fixed' || units.has(Math.floor(at / unit))) return 'data';
      return type === 'dynamic' ? 'zero' : 'absent';
    };
  });
  const extents: Extent[] = [];
  for (let offset = 0; offset < (layers[0]?.size ?? 0); offset += SECTOR) {
    const found = written.slice(0, above).findIndex((kindOf) => kindOf(offset) !== 'absent');
    const layer = found < 0 ? above : found;
    const kind = written[layer] && layer < above ? written[layer](offset) : 'absent';
    const last = extents.at(-1);
    if (last?.kind === kind && last.layer === layer)
      extents[extents.length - 1] = { ...last, length: last.length + SECTOR };
    else extents.push({ offset, length: SECTOR, kind, layer });
  }
  return extents;
}
