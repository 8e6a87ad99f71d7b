import type { Qcow2Operation, Qcow2Snapshot, Qcow2Spec } from '../../fixtures/qcow2.js';
import type { Random } from './mutations.js';
import { randomData, randomRange, wholeUnits } from './random-writes.js';

const FRAMES = ['sized', 'unsized', 'several'] as const;

/** Returns a random image without path and backing file: all versions, cluster sizes and kinds of clusters. */
export function randomQcow2(random: Random, size: number): Omit<Qcow2Spec, 'path' | 'backing'> {
  const extendedL2 = random.chance(3);
  const version = !extendedL2 && random.chance(4) ? 2 : 3;
  const clusterBits = extendedL2
    ? 14 + random.below(8)
    : random.pick([9, 9, 10, 11, 12, 13, 14, 15, 16, 16, 16, 18, 20, 21]);
  const isOld = version === 2;
  const hasDataFile = !isOld && random.chance(6);
  const compression = !isOld && random.chance(2) ? 'zstd' : 'deflate';
  const operations = Array.from({ length: random.below(16) }, () =>
    randomOperation(random, size, { cluster: 2 ** clusterBits, mayCompress: !hasDataFile }),
  );
  const snapshots = hasDataFile || random.chance(2) ? [] : randomSnapshots(random, operations.length, size);
  return {
    size,
    clusterBits,
    version,
    extendedL2,
    compression,
    operations,
    ...(hasDataFile ? { dataFile: { name: `data ${random.below(1e9)}.bin` } } : {}),
    ...(snapshots.length > 0 ? { snapshots } : {}),
    ...(random.chance(4) ? {} : { random: () => random.below(2 ** 30) / 2 ** 30 }),
    packing: random.pick(['bytes', 'bytes', 'sectors']),
    endsInsideSector: random.chance(2),
    extraL1Entries: random.pick([0, 0, 1, 5]),
    copiedBits: true,
    refcountOrder: isOld ? 4 : random.pick([4, 4, 5, 6]),
    ...(isOld ? {} : { headerLength: random.pick(compression === 'zstd' ? [112, 120] : [104, 112, 120]) }),
    extensions: random.chance(3)
      ? [{ type: 0x12345678, data: Buffer.from('no reader knows me'.slice(random.below(18))) }]
      : [],
    // Names of features do not fit beside a backing name into the smallest cluster.
    ...(isOld || clusterBits < 11 ? {} : { featureNames: [{ kind: 'incompatible', bit: 0, name: 'dirty bit' }] }),
  };
}

function randomOperation(
  random: Random,
  size: number,
  { cluster, mayCompress }: { cluster: number; mayCompress: boolean },
): Qcow2Operation {
  const range = randomRange(random, size, cluster);
  const kind = random.below(5);
  if (kind === 0 && mayCompress) {
    const { offset, length } = wholeUnits(range, size, cluster);
    return { kind: 'compressed', offset, data: randomData(random, length), frames: random.pick(FRAMES) };
  }
  if (kind <= 1) return { kind: 'write', offset: range.offset, data: randomData(random, range.length) };
  const { offset, length } = random.chance(2) ? wholeUnits(range, size, cluster) : range;
  return { kind: random.pick(['zero', 'zero', 'discard']), offset, length, allocated: random.chance(2) };
}

function randomSnapshots(random: Random, operations: number, size: number): Qcow2Snapshot[] {
  const first = random.below(operations + 1);
  return [
    { id: '1', name: 'before update', after: first, vmStateSize: random.pick([0, 0, 70_000]) },
    { id: '2', name: 'schön', after: first + random.below(operations - first + 1), size, extraDataSize: 24 },
  ];
}
