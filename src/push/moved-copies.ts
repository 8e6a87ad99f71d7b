import { endOf, subtract, type Range, type RangeSet } from '../bytes/range.js';
import type { MovedLeaves, MovedRange } from '../content/moved-leaves.js';
import type { DestinationWriter } from '../destination/destination.js';
import type { CopiedBlob } from '../protocol/copy-source.js';
import type { Session } from '../session/session.js';

/** What a push over a base that it was compared with may copy from other places of it. */
export interface MovedContent {
  readonly base: CopiedBlob;
  readonly leaves: MovedLeaves;
  readonly writer: Pick<DestinationWriter, 'copyRange'>;
}

/**
 * Has the service copy content that the base has at another place, where that is cheaper than to send it. The service compares the
 * MD5 of what it copies; what it refuses is sent. Nothing is copied any longer once it has refused for good, as emulators do.
 */
export class MovedCopies {
  readonly #session: Session;
  readonly #moved: MovedContent | undefined;
  #isRefused = false;
  /** Bytes that were copied. */
  bytes = 0;

  constructor(session: Session, moved: MovedContent | undefined) {
    this.#session = session;
    this.#moved = moved;
  }

  /**
   * Returns the parts of a window that are to be copied. `left`: what is to be written. `price`: the bytes that the link carries in
   * the time of a request. A part that is cut out of what is sent costs a request more for each neighbour.
   */
  within(window: Range, left: RangeSet, price: number): MovedRange[] {
    if (this.#isRefused || !this.#moved || this.#moved.base.properties.emulator) return [];
    const leaves = this.#moved.leaves.within(window);
    const sent = subtract(left, leaves);
    return leaves.filter((range) => {
      const isWanted = subtract([range], left).length === 0;
      const neighbours = sent.filter((other) => endOf(other) === range.offset || other.offset === endOf(range)).length;
      return isWanted && range.length >= neighbours * price;
    });
  }

  /** Copies a part. `md5`: that of its bytes on the disk. Returns false if the service refuses: it has to be sent then. */
  async copy({ offset, length, source }: MovedRange, md5: Uint8Array): Promise<boolean> {
    if (this.#isRefused || !this.#moved) return false;
    const { base, writer } = this.#moved;
    const copy = await writer.copyRange({ offset, length }, { base, offset: source, md5 });
    if (copy.kind === 'copied') {
      this.bytes += length;
      return true;
    }
    if (copy.isForGood) this.#giveUp(copy.problem);
    return false;
  }

  /** Several copies may run when the first is refused. */
  #giveUp(problem: string): void {
    if (!this.#isRefused) this.#session.note(`the service copies no parts of the base, so they are sent: ${problem}`);
    this.#isRefused = true;
  }
}
