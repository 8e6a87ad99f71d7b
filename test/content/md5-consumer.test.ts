import { createHash } from 'node:crypto';
import t from 'tap';
import { Md5Consumer } from '../../src/content/md5-consumer.js';
import { LocalHashing } from '../../src/digest/hashing.js';

const MIB = 1024 ** 2;
const footer = Buffer.alloc(512, 9);

t.test(
  'the MD5 is that of the content, the padding and the footer; windows may come before earlier ones are done',
  async (t) => {
    const data = [
      { offset: 0, length: 512 },
      { offset: 8 * MIB, length: 512 },
    ];
    const reported: number[] = [];
    const consumer = new Md5Consumer(
      { size: 10 * MIB, data, hashing: new LocalHashing(), onProgress: (done) => reported.push(done) },
      { padding: 1024, footer },
    );
    const content = Buffer.alloc(10 * MIB);
    content.fill(1, 0, 512).fill(2, 8 * MIB, 8 * MIB + 512);
    const windows = [0, 8 * MIB].map((offset) =>
      consumer.onWindow({ offset, bytes: content.subarray(offset, offset + 4 * MIB), ranges: [] }),
    );
    await Promise.all([...windows, consumer.onEnd()]);
    const expected = createHash('md5').update(content).update(Buffer.alloc(1024)).update(footer).digest('hex');
    t.equal((await consumer.digest()).toString('hex'), expected);
    t.strictSame(reported, [4 * MIB, 8 * MIB, 10 * MIB, 10 * MIB + 1024]);
  },
);

t.test('the zeros of a disk that is mostly holes take long', (t) => {
  const isSlow = (size: number) =>
    new Md5Consumer(
      { size, data: [{ offset: 0, length: MIB }], hashing: new LocalHashing(), onProgress: () => undefined },
      { padding: 0, footer },
    ).isSlow;
  t.strictSame([isSlow(2 * MIB), isSlow(2 * MIB + 512)], [false, true]);
  t.end();
});

t.test('progress may stop it', async (t) => {
  const stopped = new Error('stopped');
  const consumer = new Md5Consumer(
    {
      size: MIB,
      data: [],
      hashing: new LocalHashing(),
      onProgress: () => {
        throw stopped;
      },
    },
    { padding: 0, footer },
  );
  await t.rejects(consumer.onEnd(), stopped);
});
