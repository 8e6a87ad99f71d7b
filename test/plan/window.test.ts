import t from 'tap';
import { windowsOf } from '../../src/plan/window.js';

t.test('windows come in order, each once, with what is fetched of it', (t) => {
  const fetch = [
    { offset: 10, length: 5 },
    { offset: 18, length: 25 },
  ];
  const compare = [
    { offset: 12, length: 2 },
    { offset: 75, length: 10 },
  ];
  t.strictSame(
    [...windowsOf(fetch, compare, 20)],
    [
      {
        offset: 0,
        fetch: [
          { offset: 10, length: 5 },
          { offset: 18, length: 2 },
        ],
      },
      { offset: 20, fetch: [{ offset: 20, length: 20 }] },
      { offset: 40, fetch: [{ offset: 40, length: 3 }] },
      { offset: 60, fetch: [] },
      { offset: 80, fetch: [] },
    ],
  );
  t.strictSame([...windowsOf([], [], 20)], []);
  t.end();
});
