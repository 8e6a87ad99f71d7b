import t from 'tap';
import { ProgressLine } from '../../src/cli/progress-line.js';
import type { Phase } from '../../src/session/events.js';

const MIB = 1024 ** 2;
const BAR = { full: '━', empty: '─' };

type Step = readonly [phase: Phase, done: number, total: number, transferred?: number];

/** Returns a line after these events, `step` milliseconds apart. */
function lineAfter(events: readonly Step[], step = 0): ProgressLine {
  let now = -step;
  const line = new ProgressLine(() => now);
  for (const [phase, done, total, transferred] of events) {
    now += step;
    line.update({ type: 'progress', phase, done, total, ...(transferred === undefined ? {} : { transferred }) });
  }
  return line;
}

const textAfter = (...events: readonly Step[]) => lineAfter(events).text();

t.test('digests are at the end of the line of what runs beside them, and take it over when that is done', (t) => {
  t.equal(textAfter(['check-base', 10, 10], ['digest', 1, 4]), 'computing digests 25 % · 1 of 4 B');
  t.equal(
    textAfter(['digest', 1, 4], ['copy', 2, 4], ['digest', 2, 4]),
    'copying the base 50 % · 2 of 4 B · digests 50 %',
  );
  t.equal(
    textAfter(['copy', 0, 0], ['digest', 2, 4]),
    'copying the base · digests 50 %',
    'a copy whose size is not known yet',
  );
  t.equal(textAfter(['write', 1, 4], ['digest', 3, 4], ['write', 2, 4]), 'writing 50 % · 2 of 4 B · digests 75 %');
  t.equal(textAfter(['write', 4, 4], ['digest', 3, 4]), 'computing digests 75 % · 3 of 4 B');
  t.equal(textAfter(['digest', 4, 4], ['write', 2, 4]), 'writing 50 % · 2 of 4 B');
  t.equal(textAfter(['write', 2, 4], ['digest', 1, 4], ['verify', 0, 4]), 'verifying 0 % · 0 of 4 B');
  t.end();
});

t.test('at 80 columns the line has everything; narrower ones leave out what matters less, and it never wraps', (t) => {
  const line = lineAfter(
    [
      ['write', 0, 256 * MIB, 0],
      ['write', 61.2 * MIB, 256 * MIB, 61.2 * MIB],
      ['write', 107.5 * MIB, 256 * MIB, 107.5 * MIB],
    ],
    1000,
  );
  t.equal(line.text(75, BAR), 'writing ━━━━━─────────  41 % · 107.5 of 256.0 MiB · 53.8 MiB/s · 3 s left');
  t.equal(line.text(70, BAR), 'writing ━━━━──────  41 % · 107.5 of 256.0 MiB · 53.8 MiB/s · 3 s left');
  t.equal(line.text(60, BAR), 'writing 41 % · 107.5 of 256.0 MiB · 53.8 MiB/s · 3 s left');
  t.equal(line.text(45, BAR), 'writing 41 % · 53.8 MiB/s · 3 s left');
  t.equal(line.text(25, BAR), 'writing 41 % · 3 s left');
  t.equal(line.text(14, BAR), 'writing 41 %');
  t.equal(line.text(5, BAR), '41 %');
  t.ok(line.text(1000, BAR).length <= 100, 'no longer than useful');
  for (let width = 4; width < 200; width++) t.ok(line.text(width, BAR).length <= width, `${width} columns`);
  t.end();
});

t.test('the rate is that of the bytes on the wire, without zeros; the time left counts all of them', (t) => {
  const line = lineAfter(
    [
      ['write', 0, 100 * MIB, 0],
      ['write', 20 * MIB, 100 * MIB, 2 * MIB],
    ],
    2000,
  );
  t.equal(line.text(), 'writing 20 % · 20.0 of 100.0 MiB · 1.0 MiB/s · 8 s left');
  t.end();
});

t.test('a resume starts where it stood: what an earlier run sent is done, and not in the rate', (t) => {
  const line = lineAfter(
    [
      ['write', 50 * MIB, 100 * MIB, 0],
      ['write', 60 * MIB, 100 * MIB, 10 * MIB],
    ],
    2000,
  );
  t.equal(line.text(), 'writing 60 % · 60.0 of 100.0 MiB · 5.0 MiB/s · 8 s left');
  t.strictSame(line.content, { done: 60 * MIB, total: 100 * MIB });
  t.end();
});

t.test('the time left includes digests that take longer than the writes', (t) => {
  const line = lineAfter(
    [
      ['digest', 0, 1000 * MIB],
      ['write', 0, 100 * MIB, 0],
      ['digest', 20 * MIB, 1000 * MIB],
      ['write', 60 * MIB, 100 * MIB, 60 * MIB],
    ],
    1000,
  );
  t.match(line.text(), /^writing 60 % · .* · 2:27 min left · digests 2 %$/);
  t.end();
});

t.test('digests alone have a rate and a time left', (t) => {
  const line = lineAfter(
    [
      ['digest', 0, 8 * 1024 * MIB],
      ['digest', 1024 * MIB, 8 * 1024 * MIB],
    ],
    1000,
  );
  t.equal(line.text(), 'computing digests 12 % · 1.0 of 8.0 GiB · 1.0 GiB/s · 7 s left');
  t.end();
});

t.test('times are short: seconds, minutes, or hours and minutes', (t) => {
  for (const [seconds, text] of [
    [59, '59 s left'],
    [60, '1:00 min left'],
    [3599, '59:59 min left'],
    [3729, '1:02:09 h left'],
  ] as const) {
    const line = lineAfter(
      [
        ['fetch', 0, seconds + 1],
        ['fetch', 1, seconds + 1],
      ],
      1000,
    );
    t.ok(line.text().endsWith(text), line.text());
  }
  t.end();
});

t.test('a phase that is over has no rate and no time left; one that stands still has no end in sight', (t) => {
  const over = lineAfter(
    [
      ['write', 0, 4 * MIB],
      ['write', 4 * MIB, 4 * MIB],
    ],
    2000,
  );
  t.equal(over.text(), 'writing 100 % · 4.0 of 4.0 MiB');
  const still = lineAfter(
    [
      ['write', 1, 4],
      ['write', 1, 4],
    ],
    2000,
  );
  t.equal(still.text(), 'writing 25 % · 1 of 4 B · 0 B/s');
  t.end();
});
