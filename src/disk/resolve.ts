import type { AllocationMap, Segment } from './image.js';

/** A segment of the whole chain, as the first layer has it that does not leave it to its parent. `absent`: all layers do. */
export interface Resolved extends Segment {
  /** Index of the layer that decides; the number of layers for `absent`. */
  readonly layer: number;
}

/** Goes through a map in one direction, so that a long segment is looked up once, however often other layers cut it. */
export class Cursor {
  readonly map: AllocationMap;
  #segment: Segment = { offset: 0, length: 0, kind: 'absent' };

  constructor(map: AllocationMap) {
    this.map = map;
  }

  /** First byte after the map. */
  get end(): number {
    return this.map.end;
  }

  /** Returns the segment that covers `offset`; it may begin before it. Offsets must be ascending. */
  at(offset: number): Segment {
    if (offset >= this.#segment.offset + this.#segment.length) this.#segment = this.map.segmentAt(offset);
    return this.#segment;
  }

  /** Returns a cursor over the same map that moves on its own. */
  fork(): Cursor {
    return new Cursor(this.map);
  }
}

/** Resolves a stretch for which all layers, the top first, have a map: arithmetic alone, in one pass. */
export function* resolve(layers: readonly Cursor[], offset: number, end: number): Generator<Resolved> {
  for (let at = offset; at < end;) {
    let to = end;
    let kind: Segment['kind'] = 'absent';
    let layer = 0;
    for (const cursor of layers) {
      const segment = cursor.at(at);
      to = Math.min(to, segment.offset + segment.length);
      kind = segment.kind;
      if (kind !== 'absent') break;
      layer++;
    }
    yield { offset: at, length: to - at, kind, layer };
    at = to;
  }
}
