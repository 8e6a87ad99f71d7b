import type { RangeSet } from '../bytes/range.js';
import type { Content } from './digest-computation.js';

/** Returns content of `size` bytes of which only the ranges `data` are read: the rest is zeros. `read` fills `into` from an offset. */
export function flatContent(
  size: number,
  data: RangeSet,
  read: (offset: number, into: Uint8Array) => Promise<void>,
): Content {
  return {
    size,
    read,
    async *extentBatches() {
      await Promise.resolve();
      yield data.map((range) => ({ ...range, kind: 'data' as const, layer: 0 }));
    },
  };
}
