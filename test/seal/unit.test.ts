import { randomBytes } from 'node:crypto';
import { brotliCompressSync, constants } from 'node:zlib';
import t from 'tap';
import { CODECS, canUse, decodeUnit, encodeUnit } from '../../src/seal/unit.js';

const TEXT = Buffer.from('the same line again\n'.repeat(1000));

for (const codec of CODECS) {
  t.test(`units: ${codec}`, { skip: !canUse(codec) && 'this Node does not have it' }, async (t) => {
    for (const bytes of [TEXT, randomBytes(70_000), Buffer.alloc(0), Buffer.from('x')]) {
      const unit = await encodeUnit(codec, bytes);
      t.ok(unit.length <= bytes.length + 1, 'never larger than a byte more');
      t.ok((await decodeUnit(unit, bytes.length)).equals(bytes));
      if (bytes.length > 1) await t.rejects(decodeUnit(unit, bytes.length - 1), { name: 'BadUnit' });
    }
    const unit = await encodeUnit(codec, TEXT);
    t.equal(unit.length < TEXT.length / 10, codec !== 'raw');
    t.equal(unit[0], { raw: 0, brotli: 2, zstd: 3 }[codec]);
    if (codec !== 'raw')
      await t.rejects(decodeUnit(unit.subarray(0, unit.length - 5), TEXT.length), { name: 'BadUnit' });
  });
}

t.test('a unit that expands to more than it may is refused, and another codec too', async (t) => {
  const bomb = brotliCompressSync(Buffer.alloc(64 * 1024 * 1024), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
  const before = process.memoryUsage().arrayBuffers;
  await t.rejects(decodeUnit(Buffer.concat([Uint8Array.of(2), bomb]), 65_536), { name: 'BadUnit' });
  t.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
  for (const codec of [1, 4, 255]) await t.rejects(decodeUnit(Uint8Array.of(codec, 1, 2), 100), { name: 'BadUnit' });
  await t.rejects(decodeUnit(new Uint8Array(0), 100), { name: 'BadUnit' });
});

t.test(
  'zstd without the platform is an error that says what it needs',
  { skip: canUse('zstd') && 'it is there' },
  async (t) => {
    await t.rejects(encodeUnit('zstd', TEXT), { name: 'BadUnit', message: /Node 22\.15/ });
    await t.rejects(decodeUnit(Uint8Array.of(3, 1), 100), { name: 'BadUnit', message: /Node 22\.15/ });
  },
);
