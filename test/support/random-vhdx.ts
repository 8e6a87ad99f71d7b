import type { VhdxLog, VhdxLogEntry, VhdxLogItem, VhdxOperation, VhdxPlaces, VhdxSpec } from '../../fixtures/vhdx.js';
import type { Random } from './mutations.js';
import { randomData, randomRange, wholeUnits } from './random-writes.js';

const MIB = 2 ** 20;
const KIB = 1024;
const LOG_SECTOR = 4096;

/**
 * Who has to read a random VHDX. `any`: whatever [MS-VHDX] allows. `qemu`: without logs, and with a valid first region
 * table. `qemu-repair`: also with logs that qemu-img 7.2 replays as it should: it does not look at tails, and loses
 * the first entries of a sequence if a later one begins behind the log's wrap.
 */
export type VhdxReader = 'any' | 'qemu' | 'qemu-repair';

/** What is settled of a random VHDX. */
export interface VhdxFrame {
  readonly size: number;
  readonly type: VhdxSpec['type'];
  readonly logicalSectorSize: 512 | 4096;
  readonly reader: VhdxReader;
}

/** Returns a random image without path and parent. */
export function randomVhdx(
  random: Random,
  { size, type, logicalSectorSize, reader }: VhdxFrame,
): Omit<VhdxSpec, 'path' | 'parent'> {
  const blockSize = random.pick([MIB, MIB, 2 * MIB, 4 * MIB]);
  const operations = Array.from({ length: random.below(12) }, (): VhdxOperation => {
    const range = randomRange(random, size, random.pick([blockSize, 64 * KIB]));
    if (random.chance(4))
      return { kind: random.pick(['zero', 'unmap', 'undefined']), ...wholeUnits(range, size, blockSize) };
    const { offset, length } = wholeUnits(range, size, logicalSectorSize);
    return { kind: 'write', offset, data: randomData(random, length), whole: random.chance(8) };
  });
  const logLength = random.pick([1, 2, 3]) * MIB;
  return {
    type,
    size,
    blockSize,
    logicalSectorSize,
    physicalSectorSize: random.pick([512, 4096]),
    operations,
    ...(random.chance(4) ? {} : { random: () => random.below(2 ** 30) / 2 ** 30 }),
    ...(random.chance(2)
      ? {
          regionOrder: random.pick([
            ['bat', 'log', 'metadata'],
            ['log', 'metadata', 'bat'],
          ] as const),
        }
      : {}),
    currentHeader: random.pick([1, 2]),
    sequenceNumber: random.pick([1n, 8n, 2n ** 40n]),
    otherHeader: random.pick(['older', 'torn', 'same']),
    regionTables: random.pick(['both', 'both', 'first', reader === 'any' ? 'second' : 'both']),
    requiredRegions: random.chance(2),
    staleOffsets: random.chance(2),
    garbageBitmapEntries: type !== 'differencing' && random.chance(2),
    extraItems: random.chance(3)
      ? [{ guid: '01234567-89ab-cdef-0123-456789abcdef', data: Buffer.from('?'), user: true }]
      : [],
    logLength,
    ...(reader === 'qemu' || random.chance(2) ? {} : { log: randomLog(random, logLength, reader) }),
  };
}

function randomLog(random: Random, logLength: number, reader: VhdxReader): VhdxLog {
  const isAny = reader === 'any';
  const applied = isAny ? random.below(3) : 0;
  const start = random.below((isAny ? logLength : logLength / 4) / LOG_SECTOR) * LOG_SECTOR;
  return {
    start,
    sequenceNumber: random.pick([1n, 41n, 2n ** 32n - 2n, 2n ** 56n - 1n]),
    appliedEntries: applied,
    torn: random.chance(2),
    old: random.pick(['garbage', 'zeros']),
    strays: random.chance(2)
      ? [{ at: (start + logLength / 2) % logLength, sequenceNumber: 2n ** 60n, target: 3 * MIB }]
      : [],
    entries: (places) => [
      ...Array.from({ length: applied }, () => ({
        items: [{ offset: places.bat, length: LOG_SECTOR, content: 'garbage' as const }],
      })),
      ...randomEntries(random, places),
    ],
  };
}

/** Entries of one to four steps: what is garbage or zeros in one is final in a later one. */
function randomEntries(random: Random, places: VhdxPlaces): VhdxLogEntry[] {
  const steps = Array.from({ length: 1 + random.below(4) }, (): VhdxLogItem[] => []);
  for (const { offset, length } of loggedRanges(random, places)) {
    const final = random.below(steps.length);
    steps[final]?.push({ offset, length, content: random.pick(['final', 'final', 'data']) });
    if (final > 0 && random.chance(2))
      steps[random.below(final)]?.push({ offset, length, content: random.pick(['garbage', 'zero']) });
  }
  const entries = steps.map((items) => ({ items }));
  return random.chance(2) ? [{ items: [] }, ...entries, { items: [] }] : entries;
}

/** Ranges that do not overlap, of at most 300 KiB together. */
function loggedRanges(random: Random, places: VhdxPlaces): { offset: number; length: number }[] {
  const ranges = [{ offset: places.bat, length: LOG_SECTOR }];
  if (random.chance(2)) ranges.push({ offset: places.metadata, length: 68 * KIB });
  if (random.chance(3)) ranges.push(...places.regionTables.map((offset) => ({ offset, length: 64 * KIB })));
  for (let index = 0; index < 8; index++) {
    const payload = places.payload(index);
    if (payload !== undefined && random.chance(3))
      ranges.push({ offset: payload + random.below(200) * LOG_SECTOR, length: (1 + random.below(4)) * LOG_SECTOR });
  }
  const bitmap = places.bitmap(0);
  if (bitmap !== undefined && random.chance(2)) ranges.push({ offset: bitmap, length: 2 * LOG_SECTOR });
  return ranges;
}
