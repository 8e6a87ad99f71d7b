import t from 'tap';
import { CompletedWindows, WINDOW, endOfCompleted } from '../../src/pull/completed-windows.js';

const at = (...indexes: number[]) => indexes.map((index) => index * WINDOW);

t.test('windows end in any order; what is recorded is what is completed', (t) => {
  const windows = new CompletedWindows(undefined);
  t.strictSame(windows.snapshot(), { below: 0, ahead: [] });
  for (const offset of at(0, 1, 3, 5)) t.ok(windows.begin(offset));
  windows.end(WINDOW);
  windows.end(5 * WINDOW);
  t.strictSame(windows.snapshot(), { below: 0, ahead: at(1, 5) });
  windows.end(0);
  t.strictSame(windows.snapshot(), { below: WINDOW + 1, ahead: at(5) }, 'the third is under way');
  windows.end(3 * WINDOW);
  t.strictSame(windows.snapshot(), { below: 5 * WINDOW + 1, ahead: [] });
  t.end();
});

t.test('a window that an earlier run has completed is not begun, and stays recorded', (t) => {
  const windows = new CompletedWindows({ below: WINDOW + 1, ahead: at(3, 6) });
  t.strictSame(windows.snapshot(), { below: WINDOW + 1, ahead: at(3, 6) });
  t.strictSame(
    at(0, 1, 2, 3, 4).map((offset) => windows.begin(offset)),
    [false, false, true, false, true],
  );
  t.strictSame(windows.snapshot(), { below: WINDOW + 1, ahead: at(3, 6) });
  windows.end(2 * WINDOW);
  t.strictSame(windows.snapshot(), { below: 3 * WINDOW + 1, ahead: at(6) });
  t.end();
});

t.test('the end of what is completed covers whole windows', (t) => {
  t.equal(endOfCompleted({ below: 0, ahead: [] }), 0);
  t.equal(endOfCompleted({ below: 1, ahead: [] }), WINDOW);
  t.equal(endOfCompleted({ below: WINDOW + 1, ahead: at(4, 3) }), 5 * WINDOW);
  t.end();
});
