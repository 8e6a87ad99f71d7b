import { isZero } from '../../bytes/zeros.js';
import { PieceCutter, type gearTable } from '../../cut/fastcdc.js';
import type { DatasetType } from '../../toc/record.js';
import type { SourceBlock, VersionSource } from './source.js';

/** A stream of bytes, in pieces that are cut by its content. */
export class StreamSource implements VersionSource {
  readonly type: DatasetType;
  readonly #stream: AsyncIterable<Uint8Array>;
  readonly #gear: ReturnType<typeof gearTable>;
  #bytes: number | undefined;

  constructor(
    type: Exclude<DatasetType, 'disk'>,
    stream: AsyncIterable<Uint8Array>,
    gear: ReturnType<typeof gearTable>,
  ) {
    this.type = type;
    this.#stream = stream;
    this.#gear = gear;
  }

  get bytes(): number | undefined {
    return this.#bytes;
  }

  async *blocks(): AsyncGenerator<SourceBlock> {
    const cutter = new PieceCutter(this.#gear);
    let start = 0;
    const placed = (pieces: readonly Uint8Array[]): SourceBlock[] =>
      pieces.map((piece) => {
        const block = { start, length: piece.length, bytes: isZero(piece) ? undefined : piece };
        start += piece.length;
        return block;
      });
    for await (const bytes of this.#stream) yield* placed(cutter.add(bytes));
    yield* placed(cutter.end());
    this.#bytes = start;
  }
}
