import t from 'tap';
import { compare, type Comparison } from '../../src/content/compare.js';
import { Session } from '../../src/session/session.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** A disk and a blob in memory with the same content, and the reads of the blob. */
function scene() {
  const [ours, theirs] = [Buffer.alloc(9 * MIB), Buffer.alloc(9 * MIB)];
  const reads: [number, number][] = [];
  const comparison: Comparison = {
    disk: { read: (offset, into) => Promise.resolve(void into.set(ours.subarray(offset, offset + into.length))) },
    blob: {
      readInto: (offset, into) => {
        reads.push([offset, into.length]);
        return Promise.resolve(void into.set(theirs.subarray(offset, offset + into.length)));
      },
    },
    ranges: [{ offset: 0, length: 9 * MIB }],
    pages: [],
    phase: 'compare',
  };
  return { ours, theirs, reads, comparison };
}

t.test('what differs is found, in whole pages; only pages of the blob are fetched, near ones together', async (t) => {
  const { ours, theirs, reads, comparison } = scene();
  const pages = [
    { offset: 0, length: 4 * KIB },
    { offset: 132 * KIB, length: 4 * KIB },
    { offset: 264 * KIB + 512, length: 4 * KIB },
    { offset: 8 * MIB - 512, length: 1024 },
  ];
  for (const { offset, length } of pages) for (const side of [ours, theirs]) side.fill(7, offset, offset + length);
  theirs[100] = 8;
  theirs.fill(8, 8 * MIB - 512, 8 * MIB + 512);
  ours[2 * MIB] = 1;
  // One at a time: the buffers are used again.
  const result = await compare(new Session({ concurrency: 1 }), { ...comparison, pages });
  t.strictSame(result.differences, [
    { offset: 0, length: 512 },
    { offset: 2 * MIB, length: 512 },
    { offset: 8 * MIB - 512, length: 1024 },
  ]);
  const expected = [
    [0, 136 * KIB],
    [264 * KIB + 512, 4 * KIB],
    [8 * MIB - 512, 512],
    [8 * MIB, 512],
  ];
  t.strictSame(
    reads.sort(([a], [b]) => a - b),
    expected,
  );
  t.equal(result.fetched, 141 * KIB);
});

t.test('only the ranges asked for are compared', async (t) => {
  const { ours, comparison } = scene();
  ours.fill(1);
  const ranges = [{ offset: 4 * MIB - 512, length: 1024 }];
  t.strictSame((await compare(new Session({}), { ...comparison, ranges })).differences, ranges);
  t.strictSame((await compare(new Session({}), { ...comparison, ranges: [] })).differences, []);
});
