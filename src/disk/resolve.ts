import type { Segment, View } from './image.js';

/** A segment of the whole chain: what the first layer that says anything says. `absent`: none of them does. */
export interface Resolved extends Segment {
  /** Index of the layer that decides; the number of layers for `absent`. */
  readonly layer: number;
}

/** Goes through a view in one direction, so that a long segment is looked for once, however often it is cut by other layers. */
export class Cursor {
  readonly #view: View;
  #segment: Segment = { offset: 0, length: 0, kind: 'absent', position: 0 };

  constructor(view: View) {
    this.#view = view;
  }

  /** First byte behind what can be asked for. */
  get end(): number {
    return this.#view.end;
  }

  /** The segment that covers `offset`; it may begin before it. Offsets are asked for in ascending order. */
  at(offset: number): Segment {
    if (offset >= this.#segment.offset + this.#segment.length) this.#segment = this.#view.segmentAt(offset);
    return this.#segment;
  }

  /** The same view for someone who goes at another pace. */
  fork(): Cursor {
    return new Cursor(this.#view);
  }
}

/** Resolves a stretch that all layers have loaded, the top first: arithmetic alone, in one pass. */
export function* resolve(layers: readonly Cursor[], offset: number, end: number): Generator<Resolved> {
  for (let at = offset; at < end;) {
    let to = end;
    let kind: Segment['kind'] = 'absent';
    let position = 0;
    let layer = 0;
    for (const cursor of layers) {
      const segment = cursor.at(at);
      to = Math.min(to, segment.offset + segment.length);
      kind = segment.kind;
      if (kind === 'data') position = segment.position + at - segment.offset;
      if (kind !== 'absent') break;
      layer++;
    }
    yield { offset: at, length: to - at, kind, position, layer };
    at = to;
  }
}
