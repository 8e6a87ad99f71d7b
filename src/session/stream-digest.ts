import { md5OfStream } from '../digest/md5.js';
import { throwIfStopped } from '../blob/retry.js';
import type { Phase } from './events.js';
import type { Session } from './session.js';

const STEP = 16 * 1024 * 1024;

/** Bytes in order, of a known size: such as a `FixedStream`. */
export interface ByteStream {
  readonly size: number;
  pieces(): AsyncIterable<Uint8Array>;
}

/** MD5 of a stream as a step of a push or pull: it tells its progress, and ends when the work is stopped. */
export function digestStream(session: Session, phase: Phase, stream: ByteStream): Promise<Buffer> {
  let told = 0;
  return md5OfStream(stream.pieces(), (done) => {
    throwIfStopped(session.stop);
    if (done - told < STEP && done < stream.size) return;
    told = done;
    session.progress(phase, done, stream.size);
  });
}
