import t from 'tap';
import { diskJson, diskLines } from '../../../src/cli/reports/info.js';
import type { Layer, LayerDetail } from '../../../src/index.js';

const MIB = 1024 * 1024;
const ID = '00000000-0000-8000-8000-00000000000';

function layerOf(path: string, more: Partial<Layer> = {}): Layer {
  return {
    path,
    format: 'qcow2',
    type: 'dynamic',
    id: `${ID}1`,
    isIdDerived: true,
    parentId: undefined,
    size: 4 * MIB,
    allocated: MIB,
    blockSize: 64 * 1024,
    sectorSize: 512,
    creator: '',
    details: [],
    warnings: [],
    ...more,
  };
}

function diskOf(...layers: readonly [Layer, ...Layer[]]): Parameters<typeof diskLines>[0] {
  const [{ id, size, sectorSize }] = layers;
  return { id, size, sectorSize, layers, warnings: [] };
}

const COMPRESSION: LayerDetail = { name: 'compression', label: 'compression', value: 'zstd', text: 'zstd' };
const CLUSTER: LayerDetail = { name: 'clusterSize', label: 'cluster size', value: 65536, text: '64.0 KiB' };
const SNAPSHOTS: LayerDetail = {
  name: 'snapshots',
  label: 'snapshots',
  value: [{ id: '1', name: 'first', size: 4 * MIB }],
  text: 'first (1)',
};

t.test('what only some formats say has a row each, aligned with the others', (t) => {
  const lines = diskLines(diskOf(layerOf('a.qcow2', { details: [COMPRESSION, SNAPSHOTS] })));
  t.strictSame(lines, [
    'a.qcow2',
    '  format        qcow2, dynamic',
    `  id            ${ID}1 (derived: the file carries none)`,
    '  virtual size  4.0 MiB (4194304 bytes)',
    '  allocated     1.0 MiB, in blocks of 64.0 KiB',
    '  created by    unknown',
    '  compression   zstd',
    '  snapshots     first (1)',
  ]);
  t.end();
});

t.test('of a chain, those of the parents are shown on request only', (t) => {
  const disk = diskOf(
    layerOf('child.qcow2', { details: [COMPRESSION], type: 'differencing' }),
    layerOf('parent.qcow2', { details: [CLUSTER], id: `${ID}2` }),
  );
  const brief = diskLines(disk);
  t.notMatch(brief.join('\n'), /cluster size/);
  t.match(brief.at(-1), /^ {4}1 {2}parent\.qcow2 {2}dynamic, id /);
  t.strictSame(diskLines(disk, { verbose: true }), [...brief, '       cluster size  64.0 KiB']);
  t.end();
});

t.test('if the formats of a chain differ, each layer has its own', (t) => {
  const disk = diskOf(
    layerOf('child.qcow2', { type: 'differencing' }),
    layerOf('parent.img', { format: 'raw', type: 'fixed', blockSize: undefined }),
  );
  t.match(diskLines(disk).slice(-2), [/child\.qcow2 {2}qcow2, differencing, id/, /parent\.img {2}raw, fixed, id/]);
  t.end();
});

t.test('sectors of another size than 512 bytes have a row', (t) => {
  t.match(diskLines(diskOf(layerOf('a.vhdx', { sectorSize: 4096 }))).join('\n'), /sector size {3}4096 bytes/);
  t.notMatch(diskLines(diskOf(layerOf('a.vhdx'))).join('\n'), /sector size/);
  t.end();
});

t.test('for programs the details are an object, and left out if there are none', (t) => {
  t.match(diskJson(diskOf(layerOf('a.qcow2', { details: [CLUSTER, SNAPSHOTS], sectorSize: 4096 }))), {
    sectorSize: 4096,
    layers: [{ sectorSize: 4096, details: { clusterSize: 65536, snapshots: [{ id: '1', name: 'first' }] } }],
  });
  t.match(diskJson(diskOf(layerOf('a.qcow2'))), { layers: [{ details: undefined }] });
  t.end();
});
