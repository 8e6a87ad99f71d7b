import { deflateRawSync } from 'node:zlib';
import t from 'tap';
import { DamagedError } from '../../src/compression/damaged-error.js';
import { inflateInto } from '../../src/compression/inflate.js';
import { nativeZstdDecoder, wasmZstdDecoder, type ZstdDecoder } from '../../src/compression/zstd-decoder.js';
import { unzstdInto } from '../../src/compression/zstd.js';
import { Random } from '../support/mutations.js';
import { scaled, seedOfRun } from '../support/scale.js';
import { COMPRESSED, TEXT, WINDOW, frame, skippable } from './frames.js';

const CASES = Number(process.env['VHDUP_COMPRESSION_CASES'] ?? scaled(5000));
const SEED = seedOfRun();
const MAX_CASE_MS = 2000;
/** Behind the memory for the content there are bytes that must not change. */
const GUARD = 4096;
/** Bytes that do not shrink, the same in each run. */
const NOISE = noise();

interface Kind {
  readonly name: string;
  readonly seeds: readonly Buffer[];
  readonly decompress: (bytes: Uint8Array, into: Uint8Array) => void;
}

function noise(): Buffer {
  const random = new Random(1);
  return Buffer.from(Array.from({ length: 3000 }, () => random.below(256)));
}

async function zstdSeeds(): Promise<Buffer[]> {
  const made = [
    await frame([{ raw: NOISE }, { rle: 7, length: 62_536 }], { checksum: 'right' }),
    await frame([{ rle: 9, length: 65_536 }], { contentSize: 65_536, window: undefined }),
    await frame([{ rle: 0, length: 60_000 }, { raw: NOISE }], { window: WINDOW.MIB_128, contentSize: 63_000 }),
  ];
  return [
    ...Object.values(COMPRESSED),
    ...made,
    Buffer.concat([skippable(9), ...made.slice(0, 1), COMPRESSED.noSize]),
    Buffer.concat([COMPRESSED.noCheck, Buffer.alloc(512, 0x28)]),
  ];
}

function deflateSeeds(): Buffer[] {
  return [0, 1, 9].flatMap((level) => [
    deflateRawSync(TEXT, { level, windowBits: 12 }),
    deflateRawSync(Buffer.concat([NOISE, TEXT]).subarray(0, TEXT.length), { level }),
    Buffer.concat([deflateRawSync(TEXT, { level }), Buffer.alloc(512, 0xff)]),
  ]);
}

/** Spoils bytes in one to three ways: flipped bits, cuts, pieces over others, other bytes at the start. */
function spoil(seed: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(seed);
  for (let left = 1 + random.below(3); left > 0 && bytes.length > 0; left--) {
    const at = random.chance(2) ? random.below(Math.min(bytes.length, 16)) : random.below(bytes.length);
    const kind = random.below(5);
    if (kind <= 1) bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
    else if (kind === 2) bytes = bytes.subarray(0, at);
    else if (kind === 3) bytes.writeUInt8(random.below(256), at);
    else bytes.copy(bytes, at, random.below(bytes.length));
  }
  return bytes;
}

/** Returns the content; `undefined` if the bytes are refused. Throws anything else. */
function outcome(kind: Kind, bytes: Buffer, length: number): Buffer | undefined {
  const memory = Buffer.alloc(length + GUARD, 0xcc);
  try {
    kind.decompress(bytes, memory.subarray(0, length));
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  } finally {
    if (!memory.subarray(length).every((byte) => byte === 0xcc)) throw new Error('bytes behind the end were written');
  }
  return memory.subarray(0, length);
}

const zstdKind = (name: string, decode: ZstdDecoder, seeds: readonly Buffer[]): Kind => ({
  name,
  seeds,
  decompress: (bytes, into) => {
    unzstdInto(bytes, into, decode);
  },
});

const seeds = await zstdSeeds();
const wasm = zstdKind('zstd in WebAssembly', await wasmZstdDecoder(), seeds);
const nativeDecoder = nativeZstdDecoder();
const native = nativeDecoder && zstdKind('zstd of the platform', nativeDecoder, seeds);
const kinds: readonly Kind[] = [
  { name: 'deflate', seeds: deflateSeeds(), decompress: inflateInto },
  wasm,
  ...(native ? [native] : []),
];

for (const kind of kinds)
  t.test(`damaged ${kind.name} is refused or gives exactly the length, at once`, (t) => {
    const random = new Random(SEED);
    let refused = 0;
    let longest = 0;
    for (let index = 0; index < CASES; index++) {
      const bytes = spoil(random.pick(kind.seeds), random);
      const length = random.pick([TEXT.length, TEXT.length, TEXT.length, 1, 512, 63_000, 2 ** 21]);
      const begun = performance.now();
      try {
        if (!outcome(kind, bytes, length)) refused++;
      } catch (error) {
        t.fail(`VHDUP_SEED=${SEED}, case ${index}: ${String(error)}`);
      }
      longest = Math.max(longest, performance.now() - begun);
    }
    t.ok(longest < MAX_CASE_MS, `the longest of ${CASES} cases took ${Math.round(longest)} ms`);
    t.comment(`VHDUP_SEED=${SEED}: ${refused} of ${CASES} refused`);
    t.ok(refused > CASES / 2 || CASES < 100, 'most are refused');
    for (const seed of kind.seeds)
      t.ok(
        [TEXT.length, 63_000, TEXT.length * 2].some((length) => outcome(kind, seed, length)),
        'what is not damaged is read',
      );
    t.end();
  });

t.test('memory does not grow with what is refused', (t) => {
  const random = new Random(SEED + 1);
  const run = (count: number) => {
    for (let index = 0; index < count; index++)
      for (const kind of kinds) outcome(kind, spoil(random.pick(kind.seeds), random), TEXT.length);
  };
  run(500);
  const before = process.memoryUsage().rss;
  run(3000);
  const grown = process.memoryUsage().rss - before;
  t.ok(grown < 256 * 1024 * 1024, `${Math.round(grown / 1024 ** 2)} MiB`);
  t.end();
});

t.test('zstd gives the same with and without the platform', { skip: !native && 'the platform has no zstd' }, (t) => {
  const random = new Random(SEED + 2);
  for (let index = 0; native && index < CASES / 4; index++) {
    const bytes = spoil(random.pick(seeds), random);
    const results = [native, wasm].map((kind) => outcome(kind, bytes, TEXT.length)?.toString('latin1'));
    if (results[0] !== results[1]) t.fail(`VHDUP_SEED=${SEED}, case ${index}: ${bytes.toString('base64')}`);
  }
  t.pass();
  t.end();
});
