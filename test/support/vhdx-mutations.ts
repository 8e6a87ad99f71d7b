import { sealChecksum, type VhdxPlaces } from '../../fixtures/vhdx.js';
import { HOSTILE_NAMES, type Random } from './mutations.js';

const MIB = 2 ** 20;

/** Spoils a valid image in one way; returns what it did. The result may be another buffer. */
export function mutateVhdx(bytes: Buffer, places: VhdxPlaces, random: Random): { bytes: Buffer; what: string } {
  const field = (start: number, length: number, width: 2 | 4 | 8): string => {
    const at = start + random.below(length / width) * width;
    if (at + width > bytes.length) return `nothing at ${at}`;
    const old = width === 8 ? bytes.readBigUInt64LE(at) : BigInt(bytes.readUIntLE(at, width));
    const value = BigInt.asUintN(width * 8, interesting(bytes, old, random));
    if (width === 8) bytes.writeBigUInt64LE(value, at);
    else bytes.writeUIntLE(Number(value), at, width);
    return `${width} bytes at ${at} := ${value}`;
  };
  const width = random.pick([2, 4, 8] as const);
  const done = (what: string) => ({ bytes, what });
  const kinds = [
    () => done(`header: ${field(random.pick([places.currentHeader, places.otherHeader]) + 8, 72, width)}`),
    () => done(`region table: ${field(random.pick(places.regionTables) + 8, 80, width)}`),
    () => done(`metadata table: ${field(places.metadata, 256, width)}`),
    () => done(`metadata item: ${field(places.metadata + 65536, 160, width)}`),
    () => done(`locator: ${field(places.items.get('parentLocator')?.data ?? places.metadata + 65536, 80, width)}`),
    () => done(`BAT: ${field(places.bat, 72, 8)}`),
    () => done(`BAT: ${field(places.bitmapEntry(0), 8, 8)}`),
    () => done(`log entry: ${field(places.log, 160, width)}`),
    () => done(`log: ${field(places.log, 65536, 8)}`),
    () => {
      const name = Buffer.from(random.pick(HOSTILE_NAMES), 'utf16le');
      const at = bytes.indexOf(Buffer.from('parent.vhdx', 'utf16le'), places.metadata);
      if (at < 0) return done('no name');
      name.copy(bytes, at, 0, 22);
      return done(`name ${name.toString('utf16le')}`);
    },
    () => {
      const length = random.pick([
        random.below(bytes.length),
        random.below(bytes.length / MIB) * MIB,
        bytes.length - 1,
      ]);
      return { bytes: bytes.subarray(0, length), what: `cut to ${length}` };
    },
    () => {
      const at = random.below(Math.min(bytes.length, 6 * MIB));
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
      return done(`a bit at ${at}`);
    },
  ];
  return random.pick(kinds)();
}

/** Sets the checksums of headers, region tables and the log entry at the start of the log, as far as they are there. */
export function repair(bytes: Buffer, { currentHeader, otherHeader, regionTables, log, logLength }: VhdxPlaces): void {
  const structures: (readonly [at: number, length: number])[] = [
    [currentHeader, 4096],
    [otherHeader, 4096],
    ...regionTables.map((at) => [at, 65536] as const),
  ];
  if (log + 64 <= bytes.length) {
    const length = bytes.readUInt32LE(log + 8);
    if (length >= 64 && length <= logLength) structures.push([log, length]);
  }
  for (const [at, length] of structures) if (at + length <= bytes.length) sealChecksum(bytes.subarray(at, at + length));
}

function interesting(bytes: Buffer, old: bigint, random: Random): bigint {
  const size = BigInt(bytes.length);
  return random.pick([
    0n,
    1n,
    2n,
    3n,
    6n,
    7n,
    512n,
    4096n,
    65536n,
    BigInt(MIB),
    BigInt(MIB) + 6n,
    2n ** 30n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 46n,
    2n ** 53n,
    2n ** 63n,
    2n ** 64n - 1n,
    old + 1n,
    old - 1n,
    old ^ 7n,
    old + BigInt(MIB),
    old - BigInt(MIB),
    old * 2n,
    old / 2n,
    size,
    size - BigInt(MIB),
    size + 7n,
    BigInt(random.below(bytes.length / MIB)) * BigInt(MIB) + BigInt(random.below(8)),
  ]);
}
