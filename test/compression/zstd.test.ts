import t from 'tap';
import { nativeZstdDecoder, wasmZstdDecoder, type ZstdDecoder } from '../../src/compression/zstd-decoder.js';
import { unzstdInto } from '../../src/compression/zstd.js';
import { COMPRESSED, TEXT, WINDOW, contentOf, frame, skippable, type Block, type FrameOptions } from './frames.js';

const decoders: readonly (readonly [string, ZstdDecoder | undefined])[] = [
  ['of the platform', nativeZstdDecoder()],
  ['in WebAssembly', await wasmZstdDecoder()],
];

const RAW = { raw: Buffer.from('three blocks') };
const RLE = { rle: 0x5a, length: 1000 };
const BLOCKS: readonly Block[] = [RAW, RLE, { raw: Buffer.alloc(0) }, { raw: Buffer.from('end') }];
const CONTENT = contentOf(BLOCKS);

function unzstd(bytes: Uint8Array, length: number, decode: ZstdDecoder): Buffer {
  const into = Buffer.alloc(length + 1024, 0xcc);
  unzstdInto(bytes, into.subarray(0, length), decode);
  if (into.subarray(length).some((byte) => byte !== 0xcc)) throw new Error('bytes behind the end were written');
  return into.subarray(0, length);
}

for (const [name, decode] of decoders) {
  if (!decode) continue;

  t.test(`a decoder ${name} reads each kind of frame`, async (t) => {
    for (const [kind, bytes] of Object.entries(COMPRESSED))
      t.ok(unzstd(bytes, TEXT.length, decode).equals(TEXT), `compressed, ${kind}`);
    const kinds: readonly FrameOptions[] = [
      {},
      { contentSize: CONTENT.length },
      { contentSize: CONTENT.length, window: undefined },
      { checksum: 'right' },
      { contentSize: CONTENT.length, window: undefined, checksum: 'right' },
      { dictionary: 0 },
      { window: WINDOW.MIB_128 },
    ];
    for (const options of kinds)
      t.ok(unzstd(await frame(BLOCKS, options), CONTENT.length, decode).equals(CONTENT), JSON.stringify(options));
    const short = await frame([RAW], { contentSize: RAW.raw.length, window: undefined });
    t.ok(unzstd(short, RAW.raw.length, decode).equals(RAW.raw), 'a size of one byte');
  });

  t.test(`a decoder ${name} joins frames, skips the skippable ones, and ignores what follows the last`, async (t) => {
    const bytes = Buffer.concat([
      skippable(0),
      await frame(BLOCKS, { checksum: 'right' }),
      skippable(300, 300, 15),
      await frame([{ raw: Buffer.alloc(0) }]),
      COMPRESSED.noSize,
      await frame([RLE], { contentSize: RLE.length }),
    ]);
    const content = Buffer.concat([CONTENT, TEXT, contentOf([RLE])]);
    t.ok(unzstd(bytes, content.length, decode).equals(content));
    for (const behind of [Buffer.alloc(4096, 0xff), COMPRESSED.check, Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x08])])
      t.ok(unzstd(Buffer.concat([bytes, behind]), content.length, decode).equals(content));
  });

  t.test(`a decoder ${name} refuses what does not give exactly the length, and says why`, async (t) => {
    const size = CONTENT.length;
    const flipped = Buffer.from(COMPRESSED.check);
    flipped[60] = (flipped[60] ?? 0) ^ 4;
    const cases: readonly (readonly [Uint8Array, RegExp, number?])[] = [
      [Buffer.alloc(0), /^it does not begin with a zstd frame$/],
      [Buffer.alloc(64), /^it does not begin with a zstd frame$/],
      [await frame(BLOCKS), new RegExp(`^it decompresses to ${size} bytes, not ${size + 1}$`), size + 1],
      [await frame(BLOCKS), new RegExp(`decompresses to ${size} bytes, more than the ${size - 1} expected`), size - 1],
      [await frame([RLE], { contentSize: 5e15 }), /has 1000 bytes, not 5000000000000000 as it says/],
      [await frame(BLOCKS, { contentSize: size + 1 }), new RegExp(`has ${size} bytes, not ${size + 1} as it says`)],
      [await frame(BLOCKS, { dictionary: 77 }), /^it needs the zstd dictionary 77$/],
      [await frame(BLOCKS, { window: WINDOW.ABOVE_MIB_128 }), /^it needs a zstd window of 150994944 bytes/],
      [await frame(BLOCKS, { window: WINDOW.TIB }), /^it needs a zstd window of \d+ bytes, more than 134217728$/],
      [await frame(BLOCKS, { window: undefined, contentSize: 2 ** 28 }), /^it needs a zstd window of 268435456 bytes/],
      [await frame(BLOCKS, { bits: 8 }), /reserved bit/],
      [await frame([{ rle: 1, length: 128 * 1024 + 1 }], { window: WINDOW.MIB_128 }), /131073 bytes, too many/],
      [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x30, 0x07, 0, 0]), /reserved type/],
      [skippable(10, 11), /^it ends within a zstd frame$/],
      [skippable(10, 2 ** 32 - 1), /^it ends within a zstd frame$/],
      [skippable(10), /^it decompresses to 0 bytes, not/],
      [COMPRESSED.noSize, /decompresses to more than 65535/, TEXT.length - 1],
      [COMPRESSED.check, /decompresses to 65536 bytes, more than the 65535 expected/, TEXT.length - 1],
      [flipped, /damaged/, TEXT.length],
    ];
    for (const [bytes, message, length = size] of cases)
      t.throws(() => unzstd(bytes, length, decode), { name: 'DamagedError', message }, String(message));
  });

  t.test(`a decoder ${name} verifies the checksum`, async (t) => {
    t.throws(() => unzstd(COMPRESSED.check.with(-1, 0), TEXT.length, decode), { name: 'DamagedError' });
    t.throws(() => unzstd(COMPRESSED.checkNoSize.with(-1, 0), TEXT.length, decode), { name: 'DamagedError' });
    const wrong = await frame(BLOCKS, { checksum: 1 });
    t.throws(() => unzstd(wrong, CONTENT.length, decode), { name: 'DamagedError' });
  });

  t.test(`a decoder ${name} refuses every cut, and needs no byte more`, async (t) => {
    for (const [bytes, length] of [
      [await frame(BLOCKS, { checksum: 'right' }), CONTENT.length],
      [COMPRESSED.check, TEXT.length],
      [COMPRESSED.noSize, TEXT.length],
    ] as const)
      for (let cut = 0; cut < bytes.length; cut++)
        if (!isRefused(() => unzstd(bytes.subarray(0, cut), length, decode)))
          t.fail(`cut to ${cut} of ${bytes.length}`);
    t.pass();
  });

  t.test(`a decoder ${name} is not kept busy by frames without content`, async (t) => {
    const begun = performance.now();
    for (const one of [await frame([{ raw: Buffer.from('x') }]), skippable(0), await frame([{ rle: 0, length: 0 }])]) {
      const bytes = Buffer.concat(Array.from({ length: 400_000 }, () => one));
      t.throws(() => unzstd(bytes, 2 ** 21, decode), { message: 'it has more than 1024 zstd frames' });
    }
    t.ok(performance.now() - begun < 2000);
  });
}

function isRefused(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch (error) {
    return error instanceof Error && error.name === 'DamagedError';
  }
}
