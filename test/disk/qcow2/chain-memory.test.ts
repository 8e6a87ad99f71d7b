import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { resolve } from 'node:path';
import t from 'tap';
import { makeQcow2 } from '../../../fixtures/qcow2.js';
import { openDiskFrom } from '../../../src/disk/open.js';
import { MemoryFiles } from '../../support/memory-files.js';

const MIB = 1024 * 1024;
const CLUSTER = 2 * MIB;
const pathOf = (layer: number) => resolve(`/images/${layer}.qcow2`);

/** Makes a chain of images with clusters of 2 MiB; each has this many compressed clusters of its own. The root is 0. */
function chainOf(layers: number, compressed: number) {
  const files: [string, Buffer][] = [];
  for (let layer = 0; layer < layers; layer++) {
    const data = Buffer.alloc(compressed * CLUSTER, layer + 1);
    const { bytes } = makeQcow2({
      path: pathOf(layer),
      size: Math.max(1, layers * compressed) * CLUSTER,
      clusterBits: 21,
      ...(layer > 0 ? { backing: { name: `${layer - 1}.qcow2`, format: 'qcow2' } } : {}),
      operations: compressed > 0 ? [{ kind: 'compressed', offset: layer * data.length, data }] : [],
    });
    files.push([pathOf(layer), bytes]);
  }
  return new MemoryFiles(files);
}

t.test('the images of a chain together keep 16 MiB of decompressed clusters', async (t) => {
  const files = chainOf(2, 8);
  await using disk = await openDiskFrom(files, pathOf(1));
  const sector = Buffer.alloc(512);
  const readAll = async (layer: number) => {
    for (let cluster = layer * 8; cluster < layer * 8 + 8; cluster++) {
      await disk.read(cluster * CLUSTER + 512, sector);
      t.ok(sector.equals(Buffer.alloc(512, layer + 1)));
    }
  };
  await readAll(0);
  files.reads.length = 0;
  await readAll(0);
  t.equal(files.reads.length, 0, 'what was read last is kept');
  await readAll(1);
  files.reads.length = 0;
  await readAll(0);
  t.ok(files.reads.length >= 8, 'what another image read since has taken its place');
});

t.test('a chain does not keep the first cluster of each image, which may have 2 MiB', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const files = chainOf(24, 0);
  collect();
  const before = process.memoryUsage().arrayBuffers;
  await using disk = await openDiskFrom(files, pathOf(23));
  collect();
  const kept = process.memoryUsage().arrayBuffers - before;
  t.equal(disk.layers.length, 24);
  t.ok(kept < 12 * MIB, `${kept} bytes are kept`);
});
