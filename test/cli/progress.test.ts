import t from 'tap';
import { ProgressLine } from '../../src/cli/progress.js';
import type { Phase } from '../../src/session/events.js';

function lineAfter(...events: readonly (readonly [phase: Phase, done: number, total: number])[]): string {
  const line = new ProgressLine();
  for (const [phase, done, total] of events) line.update({ type: 'progress', phase, done, total });
  return line.text;
}

t.test('digests are told at the end of the line of what runs beside them, and take it over when that is done', (t) => {
  t.equal(lineAfter(['check-base', 10, 10], ['digest', 1, 4]), 'computing digests 25 % · 1 B of 4 B');
  t.equal(
    lineAfter(['digest', 1, 4], ['copy', 2, 4], ['digest', 2, 4]),
    'copying the base 50 % · 2 B of 4 B · digests 50 %',
  );
  t.equal(
    lineAfter(['copy', 0, 0], ['digest', 2, 4]),
    'copying the base · digests 50 %',
    'a copy whose size is not known yet',
  );
  t.equal(lineAfter(['write', 1, 4], ['digest', 3, 4], ['write', 2, 4]), 'writing 50 % · 2 B of 4 B · digests 75 %');
  t.equal(lineAfter(['write', 4, 4], ['digest', 3, 4]), 'computing digests 75 % · 3 B of 4 B');
  t.equal(lineAfter(['digest', 4, 4], ['write', 2, 4]), 'writing 50 % · 2 B of 4 B');
  t.equal(lineAfter(['write', 2, 4], ['digest', 1, 4], ['verify', 0, 4]), 'verifying 0 % · 0 B of 4 B');
  t.end();
});
