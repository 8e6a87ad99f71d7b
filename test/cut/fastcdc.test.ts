import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { MAX_PIECE, MIN_PIECE, PLAIN_GEAR_KEY, PieceCutter, gearTable } from '../../src/cut/fastcdc.js';
import { scaled, seedOfRun } from '../support/scale.js';

const GEAR = gearTable(PLAIN_GEAR_KEY);
const KIB = 1024;

/** Bytes without a pattern, the same for the same name. */
function noise(name: string, length: number): Buffer {
  const pieces = Array.from({ length: Math.ceil(length / 32) }, (_, at) =>
    createHash('sha256').update(`${name} ${at}`).digest(),
  );
  return Buffer.concat(pieces).subarray(0, length);
}

/** The pieces of bytes that arrive in parts of these lengths, again and again. */
function piecesOf(bytes: Uint8Array, ...lengths: number[]): Uint8Array[] {
  const cutter = new PieceCutter(GEAR);
  const pieces: Uint8Array[] = [];
  for (let at = 0, part = 0; at < bytes.length; part++) {
    const length = lengths[part % lengths.length] ?? bytes.length;
    pieces.push(...cutter.add(bytes.subarray(at, at + length)));
    at += length;
  }
  return [...pieces, ...cutter.end()];
}

t.test('the pieces of the test vector', (t) => {
  const blocks = Array.from({ length: 32_768 }, (_, index) => {
    const number = Buffer.alloc(4);
    number.writeUInt32LE(index);
    return createHash('sha256').update(number).digest();
  });
  const pieces = piecesOf(Buffer.concat(blocks));
  t.strictSame(
    pieces.slice(0, 4).map(({ length }) => length),
    [31_605, 16_679, 20_158, 20_571],
  );
  t.equal(pieces.length, 58);
  t.end();
});

t.test('pieces are the bytes in order, of allowed lengths, however the bytes arrive', (t) => {
  const seed = seedOfRun();
  t.comment(`seed ${seed}`);
  const lengths = fc.array(fc.integer({ min: 1, max: 200 * KIB }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.string(), fc.nat(600 * KIB), fc.boolean(), lengths, (name, length, hasZeros, parts) => {
      const bytes = noise(name, length);
      if (hasZeros) bytes.fill(0, length >> 2, length >> 1);
      const whole = piecesOf(bytes, length);
      if (!Buffer.concat(whole).equals(bytes)) throw new Error('other bytes');
      for (const [index, piece] of whole.entries())
        if (piece.length > MAX_PIECE || piece.length < (index === whole.length - 1 ? 1 : MIN_PIECE))
          throw new Error(`a piece of ${piece.length} bytes`);
      const found = piecesOf(bytes, ...parts).map((piece) => piece.length);
      if (found.join() !== whole.map((piece) => piece.length).join()) throw new Error('other pieces');
    }),
    { numRuns: scaled(100), seed },
  );
  t.pass('any parts');
  t.end();
});

t.test('after an insertion, a deletion or a change the pieces are soon the same again', (t) => {
  const bytes = noise('stream', 2048 * KIB);
  const before = new Set(piecesOf(bytes).map((piece) => Buffer.from(piece).toString('latin1')));
  const at = 900 * KIB;
  for (const [what, edited] of [
    ['insertion', Buffer.concat([bytes.subarray(0, at), Buffer.from('one more'), bytes.subarray(at)])],
    ['deletion', Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 100)])],
    ['change', Buffer.concat([bytes.subarray(0, at), noise('other', 100), bytes.subarray(at + 100)])],
  ] as const) {
    const others = piecesOf(edited).filter((piece) => !before.has(Buffer.from(piece).toString('latin1')));
    t.ok(others.length <= 4, `${what}: ${others.length} pieces are new`);
  }
  t.end();
});

t.test('another key gives other cuts', (t) => {
  const cutter = new PieceCutter(gearTable(Buffer.alloc(32, 1)));
  const bytes = noise('stream', 512 * KIB);
  const lengths = [...cutter.add(bytes), ...cutter.end()].map(({ length }) => length);
  t.notSame(
    lengths,
    piecesOf(bytes).map(({ length }) => length),
  );
  t.end();
});

t.test('a buffer may be used again for the next bytes, and a cutter for the next stream', (t) => {
  const bytes = noise('stream', 300 * KIB);
  const cutter = new PieceCutter(GEAR);
  const buffer = Buffer.alloc(5 * KIB);
  for (const stream of ['first', 'second']) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += buffer.length) {
      bytes.copy(buffer, 0, at, at + buffer.length);
      pieces.push(...cutter.add(buffer.subarray(0, Math.min(buffer.length, bytes.length - at))));
      buffer.fill(1);
    }
    t.ok(Buffer.concat([...pieces, ...cutter.end()]).equals(bytes), stream);
  }
  t.strictSame(cutter.end(), [], 'an empty stream has no pieces');
  t.end();
});

t.test('cuts are where the document says: after a byte, by the 32 bytes before it', (t) => {
  const bytes = noise('oracle', 700 * KIB);
  const lengths: number[] = [];
  for (let from = 0; from < bytes.length;) {
    let length = 1;
    for (; from + length < bytes.length && length < MAX_PIECE; length++) {
      if (length < MIN_PIECE) continue;
      // Written from the document, with big integers: what is more than 32 bytes back has left the 32 bits.
      let hash = 0n;
      for (const byte of bytes.subarray(from + length - 32, from + length))
        hash = ((hash << 1n) + BigInt((GEAR[byte] ?? 0) >>> 0)) & 0xffffffffn;
      if (hash >> (length < 16_384 ? 16n : 20n) === 0n) break;
    }
    lengths.push(length);
    from += length;
  }
  t.strictSame(
    piecesOf(bytes).map((piece) => piece.length),
    lengths,
  );
  t.end();
});
