import t from 'tap';
import { zeroFill } from '../../src/bytes/zero-fill.js';

t.test('exactly what is asked for becomes zero, in shared memory too', (t) => {
  for (const length of [0, 1, 512, 1024 ** 2 - 1, 1024 ** 2, 1024 ** 2 + 1, 3 * 1024 ** 2 + 512]) {
    for (const memory of [new ArrayBuffer(length + 2), new SharedArrayBuffer(length + 2)]) {
      const bytes = new Uint8Array(memory).fill(7);
      zeroFill(bytes.subarray(1, 1 + length));
      t.strictSame([bytes[0], bytes.indexOf(7, 1), bytes[length + 1]], [7, length + 1, 7], `${length}`);
    }
  }
  t.end();
});
