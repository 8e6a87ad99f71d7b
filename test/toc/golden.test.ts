import { readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { SAMPLES, type Sample } from '../support/toc-samples.js';

/** `VHDUP_GOLDEN=write` writes files that are missing. Existing ones never change: vaults are read for ever. */
const isWriting = process.env['VHDUP_GOLDEN'] === 'write';

/** Heads that are followed by other bytes in their object. */
const OPEN_ENDED = ['toc', 'toc-part', 'chunk'];

async function golden(name: string, bytes: Buffer): Promise<Buffer> {
  const file = new URL(`golden/${name}.hex`, import.meta.url);
  if (isWriting) {
    const lines = bytes.toString('hex').match(/.{1,64}/g) ?? [];
    await writeFile(file, `${lines.join('\n')}\n`, { flag: 'wx' }).catch(() => undefined);
  }
  return Buffer.from((await readFile(file, 'utf8')).replaceAll('\n', ''), 'hex');
}

/** What parsing returns; `undefined` if it throws the error for a bad structure. */
function parsed({ parse }: Sample, bytes: Buffer): unknown {
  try {
    return parse(bytes);
  } catch (error) {
    if ((error as Error).name !== 'BadStructure') throw error;
    return undefined;
  }
}

for (const [name, sample] of Object.entries(SAMPLES) as [string, Sample][]) {
  const { value, bytes, parse, end = bytes.length } = sample;

  t.test(`${name}: its bytes are as they have always been, and say the same`, async (t) => {
    const file = await golden(name, bytes);
    t.equal(bytes.toString('hex'), file.toString('hex'));
    t.strictSame(parse(file), value);
  });

  t.test(`${name}: no byte is without a meaning: changed, it is refused, or read as something else`, (t) => {
    for (let at = 0; at < end; at++)
      for (const change of [1, 0x80, 0xff]) {
        const wrong = Buffer.from(bytes);
        wrong.writeUInt8(wrong.readUInt8(at) ^ change, at);
        if (isDeepStrictEqual(parsed(sample, wrong), value)) t.fail(`byte ${at}, changed by ${change}, is ignored`);
      }
    t.pass(`${end} bytes`);
    t.end();
  });

  t.test(`${name}: cut anywhere it is refused`, (t) => {
    for (let length = 0; length < bytes.length; length++)
      if (parsed(sample, bytes.subarray(0, length)) !== undefined) t.fail(`${length} bytes are accepted`);
    if (!OPEN_ENDED.includes(name))
      t.equal(parsed(sample, Buffer.concat([bytes, Buffer.alloc(1)])), undefined, 'a byte more');
    t.pass(`${bytes.length} bytes`);
    t.end();
  });

  t.test(`${name}: no number makes a reader take much memory or time`, (t) => {
    const before = process.memoryUsage();
    const began = performance.now();
    for (let at = 0; at + 4 <= end; at++)
      for (const number of [0xffffffff, 0x7fffffff, 0x00ffffff]) {
        const wrong = Buffer.from(bytes);
        wrong.writeUInt32LE(number, at);
        parsed(sample, wrong);
      }
    t.ok(process.memoryUsage().rss - before.rss < 256 * 1024 * 1024);
    t.ok(performance.now() - began < 30_000);
    t.end();
  });
}
