import t from 'tap';
import { BufferPool } from '../../src/bytes/buffer-pool.js';

t.test('a released buffer is used again, one in use is not', (t) => {
  const pool = new BufferPool(1024);
  const [one, other] = [pool.acquire(), pool.acquire()];
  t.not(one.buffer, other.buffer);
  t.equal(one.length, 1024);
  t.ok(one.buffer instanceof SharedArrayBuffer, 'other threads read it without a copy');
  pool.release(one);
  t.equal(pool.acquire(), one);
  t.not(pool.acquire(), other);
  t.end();
});

t.test('a buffer is released when the work that uses it ends, even if it fails', async (t) => {
  const pool = new BufferPool(1024);
  let used: ArrayBufferLike | undefined;
  await t.rejects(
    pool.use(100, (buffer) => {
      used = buffer.buffer;
      t.equal(buffer.length, 100);
      return Promise.reject(new Error('no'));
    }),
    { message: 'no' },
  );
  t.equal(pool.acquire().buffer, used);
});
