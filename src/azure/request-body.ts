import type { ClientRequest } from 'node:http';
import type { ThroughputFloor } from './throughput-floor.js';

/** A body is written in pieces of this many bytes, so that its progress can be seen. */
const PIECE_BYTES = 64 * 1024;

/**
 * Sends a body and ends the request. The throughput floor applies to a body longer than `PIECE_BYTES`: `fail` ends the request.
 * Returns a function to call when the answer begins or the request ends.
 */
export function sendBody(
  outgoing: ClientRequest,
  body: Buffer | undefined,
  floor: ThroughputFloor,
  fail: (error: Error) => void,
): () => void {
  if (!body || body.length <= PIECE_BYTES) {
    outgoing.end(body, () => {
      floor.addBytes(body?.length ?? 0);
    });
    return () => undefined;
  }
  let moved = 0;
  const ended = floor.watch(() => moved, fail);
  const next = (): void => {
    const piece = body.subarray(moved, moved + PIECE_BYTES);
    if (piece.length === 0) {
      ended();
      outgoing.end();
      return;
    }
    outgoing.write(piece, (error) => {
      if (error) return;
      moved += piece.length;
      next();
    });
  };
  next();
  return ended;
}
