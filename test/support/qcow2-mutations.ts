import type { Qcow2Places } from '../../fixtures/qcow2.js';
import { HOSTILE_NAMES, type Random } from './mutations.js';

type Field = readonly [offset: number, width: 1 | 4 | 8];

/** qcow2.rst, "Header". */
const HEADER_FIELDS: readonly Field[] = [
  [0, 4],
  [4, 4],
  [8, 8],
  [16, 4],
  [20, 4],
  [24, 8],
  [32, 4],
  [36, 4],
  [40, 8],
  [48, 8],
  [56, 4],
  [60, 4],
  [64, 8],
  [72, 8],
  [80, 8],
  [88, 8],
  [96, 4],
  [100, 4],
  [104, 1],
  [112, 4],
  [116, 4],
];
/** qcow2.rst, "Snapshots". */
const SNAPSHOT_FIELDS: readonly Field[] = [
  [0, 8],
  [8, 4],
  [12, 4],
  [32, 4],
  [36, 4],
  [40, 8],
  [48, 8],
];

const PROTOCOLS = [
  'json:{"file.filename":"/etc/passwd"}',
  'nbd:x:1',
  'file:/etc/passwd',
  'fat:/',
  'a\0b',
  '/etc/passwd',
];

/** Spoils a valid image in one way; says what it did. The result may be a new buffer. */
export function mutateQcow2(file: Buffer, places: Qcow2Places, random: Random): { file: Buffer; what: string } {
  const mutation = random.pick([
    flipBits,
    header,
    header,
    header,
    l1Entry,
    l2Entry,
    l2Entry,
    l2Entry,
    copyEntry,
    snapshot,
    name,
    compressedData,
    resize,
  ]);
  return mutation(file, places, random);
}

type Mutation = (file: Buffer, places: Qcow2Places, random: Random) => { file: Buffer; what: string };

function put(file: Buffer, at: number, width: 1 | 4 | 8, random: Random): string {
  if (!(at >= 0 && at + width <= file.length)) return 'nothing';
  if (width === 1) return `${at} := ${file.writeUInt8(random.below(256), at)}`;
  const old = width === 8 ? file.readBigUInt64BE(at) : BigInt(file.readUInt32BE(at));
  const size = BigInt(file.length);
  const value = BigInt.asUintN(
    width * 8,
    random.pick([
      0n,
      1n,
      2n,
      3n,
      4n,
      9n,
      14n,
      16n,
      21n,
      512n,
      65_536n,
      2n ** 31n,
      2n ** 32n - 1n,
      2n ** 40n,
      2n ** 53n,
      2n ** 62n,
      2n ** 62n + size / 2n,
      2n ** 63n,
      2n ** 64n - 1n,
      old + 1n,
      old - 1n,
      old * 2n,
      old / 2n,
      old ^ (1n << BigInt(random.below(width * 8))),
      old ^ (1n << BigInt(random.below(width * 8))),
      size,
      size - 1n,
      size - 512n,
      BigInt(random.below(file.length)),
      BigInt(random.below(file.length / 512)) * 512n,
    ]),
  );
  if (width === 8) file.writeBigUInt64BE(value, at);
  else file.writeUInt32BE(Number(value), at);
  return `${width} bytes at ${at} := 0x${value.toString(16)}`;
}

const flipBits: Mutation = (file, places, random) => {
  const near = [512, places.clusterSize, file.length];
  const at = Array.from({ length: 1 + random.below(6) }, () => random.below(Math.min(file.length, random.pick(near))));
  for (const place of at) file.writeUInt8(file.readUInt8(place) ^ (1 << random.below(8)), place);
  return { file, what: `bits at ${at.join(' ')}` };
};

const header: Mutation = (file, _, random) => {
  const [offset, width] = random.pick(HEADER_FIELDS);
  return { file, what: `header: ${put(file, offset, width, random)}` };
};

const l1Entry: Mutation = (file, { l1, l1Entries }, random) => ({
  file,
  what: `L1: ${put(file, l1 + random.below(Math.max(1, l1Entries)) * 8, 8, random)}`,
});

function entryPlace({ l2Tables, clusterSize }: Qcow2Places, random: Random): number {
  const tables = l2Tables.filter((table) => table !== undefined);
  if (tables.length === 0) return NaN;
  return random.pick(tables) + random.below(Math.min(40, clusterSize / 8)) * 8;
}

const l2Entry: Mutation = (file, places, random) => ({
  file,
  what: `L2: ${put(file, entryPlace(places, random), 8, random)}`,
});

const copyEntry: Mutation = (file, places, random) => {
  const [from, to] = [entryPlace(places, random), entryPlace(places, random)];
  if (!(Math.max(from, to) + 8 <= file.length)) return { file, what: 'no L2' };
  file.copy(file, to, from, from + 8);
  return { file, what: `L2: ${from} to ${to}` };
};

const snapshot: Mutation = (file, { snapshots }, random) => {
  if (snapshots.length === 0) return { file, what: 'no snapshot' };
  const [offset, width] = random.pick(SNAPSHOT_FIELDS);
  return { file, what: `snapshot: ${put(file, random.pick(snapshots).entry + offset, width, random)}` };
};

/** The name of the backing file, of the data file, or of a format. */
const name: Mutation = (file, { backingName, extensions }, random) => {
  const text = Buffer.from(random.pick([...HOSTILE_NAMES, ...PROTOCOLS]));
  const at = random.pick([backingName ?? -1, ...extensions.values()]);
  if (at < 0 || at + text.length > file.length) return { file, what: 'no name' };
  text.copy(file, at);
  file.writeUInt32BE(text.length, at === backingName ? 16 : at - 4);
  return { file, what: `the name ${JSON.stringify(text.toString())}` };
};

const compressedData: Mutation = (file, places, random) => {
  const place = places.clusterAt(random.below(8) * places.clusterSize);
  if (place?.host === undefined || place.compressedLength === undefined) return { file, what: 'nothing compressed' };
  // The length counts whole sectors, which may reach beyond the end of the file.
  const at = Math.min(place.host + random.below(place.compressedLength), file.length - 1);
  file.writeUInt8(random.below(256), at);
  return { file, what: `compressed data at ${at}` };
};

const resize: Mutation = (file, { clusterSize }, random) => {
  if (random.chance(4)) return { file: Buffer.concat([file, Buffer.alloc(1 + random.below(4096))]), what: 'longer' };
  const length = random.pick([
    0,
    71,
    104,
    random.below(file.length),
    Math.floor(random.below(file.length) / clusterSize) * clusterSize,
    file.length - 1,
    file.length - 512,
  ]);
  return { file: Buffer.from(file.subarray(0, Math.max(0, length))), what: `cut to ${length}` };
};
