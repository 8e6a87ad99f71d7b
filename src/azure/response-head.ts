import type { Socket } from 'node:net';
import { RestError } from '@azure/storage-blob';

/** The most bytes before an answer begins. A head has at most 16 KiB, but any number of informational answers may come before it. */
const MAX_HEAD_BYTES = 64 * 1024;

/**
 * Watches the head of an answer. It may come as slowly as a body, so from its first byte on the throughput floor applies to it:
 * `watch` begins that, see `ThroughputFloor.watch`. Calls `fail` if the head is longer than `MAX_HEAD_BYTES`. Returns a function
 * to call when the answer begins.
 */
export function watchHead(
  socket: Socket,
  watch: (moved: () => number) => () => void,
  fail: (error: Error) => void,
): () => void {
  let received = 0;
  let isOver = false;
  let ended: () => void = () => undefined;
  const onData = (bytes: Buffer) => {
    // The HTTP parser gets the same bytes first, so these may be bytes of the body.
    if (isOver) return;
    if (received === 0) ended = watch(() => received);
    received += bytes.length;
    if (received > MAX_HEAD_BYTES)
      fail(new RestError(`the answer does not begin within ${MAX_HEAD_BYTES / 1024} KiB`, { code: 'ANSWER_TOO_LONG' }));
  };
  socket.on('data', onData);
  return () => {
    isOver = true;
    socket.off('data', onData);
    ended();
  };
}
