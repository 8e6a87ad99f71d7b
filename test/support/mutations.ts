import { setChecksum } from '../../fixtures/vhd.js';

/** Random numbers from a seed: mulberry32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number in `[0, below)`. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }
}

type Field = readonly [offset: number, width: 1 | 4 | 8 | 16];

const FOOTER_FIELDS: readonly Field[] = [
  [0, 8],
  [8, 4],
  [12, 4],
  [16, 8],
  [24, 4],
  [28, 4],
  [40, 8],
  [48, 8],
  [56, 4],
  [60, 4],
  [64, 4],
  [68, 16],
  [84, 1],
];
const HEADER_FIELDS: readonly Field[] = [
  [0, 8],
  [8, 8],
  [16, 8],
  [24, 4],
  [28, 4],
  [32, 4],
  [36, 4],
  [40, 16],
  [56, 4],
  [64, 16],
];
const LOCATOR_FIELDS: readonly Field[] = [
  [0, 4],
  [4, 4],
  [8, 4],
  [12, 4],
  [16, 8],
];
const HEADER = 512;
const BAT = 512 + 1024;

/** Names that an image may carry to lead its reader astray. */
export const HOSTILE_NAMES: readonly string[] = [
  '..\\..\\..\\etc\\shadow.vhd',
  '../elsewhere/parent.vhd',
  '..\\elsewhere\\parent.vhd',
  '/elsewhere/parent.vhd',
  'file:///elsewhere/parent.vhd',
  'file://../elsewhere/parent.vhd',
  '\\\\server\\share\\parent.vhd',
  '\\\\?\\C:\\parent.vhd',
  '\\\\.\\PhysicalDrive0',
  'C:\\vms\\parent.vhd',
  'C:',
  'CON',
  'nul.vhd',
  'COM1',
  '/dev/zero',
  '/dev/stdin',
  '/proc/self/fd/0',
  '.',
  '..',
  '/',
  '\\',
  './',
  'file:',
  'file://',
  'file:///%00',
  'file:///%ff%fe',
  'parent.vhd/',
  'parent.vhd\u202egpj',
  '\u0007\u001b[2J',
  '\ud800',
  'x'.repeat(240),
];

/** Spoils a valid sparse or fixed image in one way; says what it did. The result may be a new buffer. */
export function mutate(file: Buffer, random: Random): { file: Buffer; what: string } {
  const kinds = [
    flipBits,
    footerField,
    footerField,
    headerField,
    headerField,
    batEntry,
    batEntry,
    swapBat,
    locator,
    locatorName,
    resize,
    splice,
  ];
  return random.pick(kinds)(file, random);
}

function interesting(file: Buffer, old: bigint, random: Random): bigint {
  const size = BigInt(file.length);
  return random.pick([
    0n,
    1n,
    2n,
    3n,
    4n,
    511n,
    512n,
    513n,
    4096n,
    65536n,
    65537n,
    10n * 1024n * 1024n,
    2n ** 28n,
    2n ** 31n - 1n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n,
    2n ** 63n,
    2n ** 64n - 1n,
    2040n * 1024n ** 3n,
    old + 1n,
    old - 1n,
    old + 512n,
    old - 512n,
    old * 2n,
    old / 2n,
    size,
    size - 1n,
    size + 1n,
    size - 512n,
    size - 1024n,
    size / 512n,
    size / 512n - 1n,
    BigInt(random.below(file.length)),
    BigInt(random.below(file.length / 512)) * 512n,
  ]);
}

function put(file: Buffer, at: number, width: number, random: Random): string {
  if (at + width > file.length) return `nothing at ${at}`;
  if (width === 1) return `${at} := ${file.writeUInt8(random.below(256), at)}`;
  if (width === 16) {
    file.fill(random.pick([0, 0xff, 0x11]), at, at + 16);
    return `16 bytes at ${at}`;
  }
  const old = width === 8 ? file.readBigUInt64BE(at) : BigInt(file.readUInt32BE(at));
  const value = BigInt.asUintN(width * 8, interesting(file, old, random));
  if (width === 8) file.writeBigUInt64BE(value, at);
  else file.writeUInt32BE(Number(value), at);
  return `${width} bytes at ${at} := ${value}`;
}

/** Half of the mutants get past the checksum. */
function repair(file: Buffer, at: number, length: number, field: number, random: Random): string {
  if (random.chance(2) || at < 0 || at + length > file.length) return '';
  setChecksum(file.subarray(at, at + length), field);
  return ', checksum right';
}

function flipBits(file: Buffer, random: Random) {
  const places = Array.from({ length: 1 + random.below(8) }, () =>
    random.below(random.chance(2) ? Math.min(file.length, 2560) : file.length),
  );
  for (const at of places) file.writeUInt8(file.readUInt8(at) ^ (1 << random.below(8)), at);
  return { file, what: `bits at ${places.join(' ')}${repair(file, HEADER, 1024, 36, random)}` };
}

function footerField(file: Buffer, random: Random) {
  const [offset, width] = random.pick(FOOTER_FIELDS);
  const tail = file.length - 512;
  if (tail < 0) return { file, what: 'no footer' };
  if (random.chance(3))
    return { file, what: `copy of the footer: ${put(file, offset, width, random)}${repair(file, 0, 512, 64, random)}` };
  const what = `footer: ${put(file, tail + offset, width, random)}${repair(file, tail, 512, 64, random)}`;
  if (random.chance(2)) file.copy(file, 0, tail, tail + 512);
  return { file, what };
}

function headerField(file: Buffer, random: Random) {
  const [offset, width] = random.pick(HEADER_FIELDS);
  return {
    file,
    what: `header: ${put(file, HEADER + offset, width, random)}${repair(file, HEADER, 1024, 36, random)}`,
  };
}

function batEntry(file: Buffer, random: Random) {
  return { file, what: `BAT: ${put(file, BAT + random.below(16) * 4, 4, random)}` };
}

function swapBat(file: Buffer, random: Random) {
  const [a, b] = [BAT + random.below(16) * 4, BAT + random.below(16) * 4];
  if (Math.max(a, b) + 4 > file.length) return { file, what: 'no BAT' };
  const [first, second] = [file.readUInt32BE(a), file.readUInt32BE(b)];
  file.writeUInt32BE(first, b);
  if (random.chance(2)) file.writeUInt32BE(second, a);
  return { file, what: `BAT: ${a} to ${b}` };
}

function locator(file: Buffer, random: Random) {
  const [offset, width] = random.pick(LOCATOR_FIELDS);
  return {
    file,
    what: `locator: ${put(file, HEADER + 576 + random.below(8) * 24 + offset, width, random)}${repair(file, HEADER, 1024, 36, random)}`,
  };
}

function locatorName(file: Buffer, random: Random) {
  const name = random.pick(HOSTILE_NAMES);
  const little = Buffer.from(name, 'utf16le');
  const at = HEADER + 576 + random.below(2) * 24;
  if (at + 24 > file.length) return { file, what: 'no header' };
  const data = Number(file.readBigUInt64BE(at + 16) & 0xffffffn);
  if (random.chance(2) || data === 0 || data + little.length > file.length)
    Buffer.from(little)
      .swap16()
      .copy(file, HEADER + 64);
  else {
    little.copy(file, data);
    file.writeUInt32BE(little.length, at + 8);
  }
  return { file, what: `the name ${JSON.stringify(name)}${repair(file, HEADER, 1024, 36, random)}` };
}

function resize(file: Buffer, random: Random) {
  const length = random.pick([
    random.below(file.length),
    random.below(file.length / 512) * 512,
    file.length - 1,
    file.length - 511,
    file.length - 512,
    0,
    511,
    512,
    1536,
  ]);
  if (random.chance(3))
    return { file: Buffer.concat([file, Buffer.alloc(1 + random.below(2048), random.below(256))]), what: 'longer' };
  return { file: file.subarray(0, Math.max(0, length)), what: `cut to ${length}` };
}

function splice(file: Buffer, random: Random) {
  const [from, to] = [random.below(file.length), random.below(file.length)];
  const length = Math.min(1 + random.below(2048), file.length - Math.max(from, to));
  if (random.chance(2)) {
    file.copy(file, to, from, from + length);
    return { file, what: `${length} bytes from ${from} over ${to}` };
  }
  return {
    file: Buffer.concat([file.subarray(0, from), file.subarray(from + length)]),
    what: `${length} bytes at ${from} cut out`,
  };
}
