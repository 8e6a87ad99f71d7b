import t from 'tap';
import { scan, type Consumer, type ScannedWindow } from '../../src/content/scan.js';
import { Session } from '../../src/session/session.js';

const MIB = 1024 ** 2;
const disk = {
  size: 20 * MIB,
  read: (offset: number, into: Uint8Array) => Promise.resolve(void into.fill(1 + offset / MIB)),
};
const turns = async () => {
  for (let turn = 0; turn < 20; turn++)
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
};

t.test('where one consumer fails, the others are waited for, and the failure is thrown', async (t) => {
  let end: () => void = () => undefined;
  let isOver = false;
  const failing: Consumer = { ranges: [{ offset: 0, length: MIB }], onWindow: () => Promise.reject(new Error('no')) };
  const slow: Consumer = {
    ranges: [{ offset: 0, length: MIB }],
    onWindow: () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  };
  const failed: unknown[] = [];
  const session = new Session({});
  session.stop.abort.addEventListener('abort', () => {
    failed.push('told');
  });
  const pass = scan(session, disk, [failing, slow], () => 4).finally(() => {
    isOver = true;
  });
  const thrown = t.rejects(pass, { message: 'no' });
  await turns();
  t.strictSame(failed, ['told'], 'all else is told at once');
  t.equal(isOver, false);
  end();
  await thrown;
  t.equal(isOver, true);
});

t.test(
  'each consumer sees what it needs, window by window and in order; one that wants zeros finds zeros elsewhere',
  async (t) => {
    const seen: { offset: number; ranges: ScannedWindow['ranges']; byte: number | undefined }[] = [];
    const some: Consumer = {
      ranges: [
        { offset: 0, length: MIB },
        { offset: 17 * MIB, length: MIB },
      ],
      onWindow: async ({ offset, bytes, ranges }) => {
        seen.push({ offset, ranges, byte: bytes[(ranges[0]?.offset ?? 0) - offset] });
      },
    };
    const all: Consumer = {
      ranges: [
        { offset: 9 * MIB, length: MIB },
        { offset: 17 * MIB, length: MIB },
      ],
      wantsZeros: true,
      onWindow: async ({ offset, bytes }) => {
        t.strictSame(
          [0, MIB, 2 * MIB, bytes.length - 1].map((at) => bytes[at]),
          [0, 2 + offset / MIB, 0, 0],
        );
      },
    };
    // One window at a time: its buffer is used again.
    await scan(new Session({}), disk, [some, all], () => 1);
    t.strictSame(seen, [
      { offset: 0, ranges: [{ offset: 0, length: MIB }], byte: 1 },
      { offset: 16 * MIB, ranges: [{ offset: 17 * MIB, length: MIB }], byte: 18 },
    ]);
  },
);

t.test('one that wants zeros never sees what an earlier window left in the buffer', async (t) => {
  const whole: Consumer = { ranges: [{ offset: 0, length: 4 * MIB }], onWindow: () => Promise.resolve() };
  const part: Consumer = {
    ranges: [{ offset: 9 * MIB, length: MIB }],
    wantsZeros: true,
    onWindow: ({ bytes }) => {
      t.strictSame(
        [0, MIB - 1, MIB, 2 * MIB - 1, 2 * MIB, 4 * MIB - 1].map((at) => bytes[at]),
        [0, 0, 10, 10, 0, 0],
      );
      return Promise.resolve();
    },
  };
  await scan(new Session({}), disk, [whole, part], () => 1);
});
