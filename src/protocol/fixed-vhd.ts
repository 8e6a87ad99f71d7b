import type { Disk, Extent } from '../disk/disk.js';
import { fieldsOf, isFooter, parseFooter } from '../disk/vhd/footer.js';
import { DISK_TYPE, FOOTER_LENGTH } from '../disk/vhd/layout.js';
import { fixedFooter, newFixedFooter } from '../disk/vhd/make-footer.js';

export { FOOTER_LENGTH };

/**
 * Returns the 512 bytes that make a disk's content a fixed VHD when they follow it. A VHD keeps its own footer, made fixed; other
 * formats get a new one with the disk's id and size. The same disk always gets the same bytes.
 */
export function fixedFooterOf({ creation, id, size }: Pick<Disk, 'creation' | 'id' | 'size'>): Uint8Array {
  return creation.format === 'vhd' && creation.record
    ? fixedFooter(fieldsOf(creation.record), size)
    : newFixedFooter({ id, size });
}

/**
 * The bytes of a blob: the disk, then one footer of 512 bytes. For a fixed VHD these are the bytes of the file.
 * `padding` puts zeros between the two, as some older tools did.
 */
export class FixedStream {
  readonly disk: Disk;
  readonly footer: Uint8Array;
  /** Zeros between the disk and the footer, in bytes. */
  readonly padding: number;

  /** Default footer: that of `fixedFooterOf`. */
  constructor(
    disk: Disk,
    { footer = fixedFooterOf(disk), padding = 0 }: { readonly footer?: Uint8Array; readonly padding?: number } = {},
  ) {
    this.disk = disk;
    this.footer = footer;
    this.padding = padding;
  }

  /** Bytes, the footer included. */
  get size(): number {
    return this.disk.size + this.padding + this.footer.length;
  }

  /**
   * Yields the whole stream in order, for a digest: pieces of at most `pieceLength` bytes (the footer is always one piece), each
   * valid until the next one is requested. Reads only what a file holds.
   */
  async *pieces(pieceLength = 1024 * 1024): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(pieceLength);
    const zeros = new Uint8Array(pieceLength);
    const trailing: Extent = { offset: this.disk.size, length: this.padding, kind: 'zero', layer: 0 };
    for await (const { kind, offset, length } of both(this.disk.extents(), trailing)) {
      for (let done = 0; done < length; done += pieceLength) {
        const take = Math.min(pieceLength, length - done);
        if (kind === 'data') await this.disk.read(offset + done, buffer.subarray(0, take));
        yield (kind === 'data' ? buffer : zeros).subarray(0, take);
      }
    }
    yield this.footer;
  }
}

async function* both(extents: AsyncIterable<Extent>, last: Extent): AsyncGenerator<Extent> {
  yield* extents;
  yield last;
}

/** What the last 512 bytes of a blob say about it. */
export interface FixedTail {
  readonly id: string | undefined;
  /** Virtual size in bytes, as the footer has it. */
  readonly size: number;
  readonly creator: string;
  readonly footer: Uint8Array;
}

/** Parses the footer of a fixed VHD. Returns a string with the reason if the bytes are not one. */
export function parseFixedTail(bytes: Uint8Array): FixedTail | string {
  const footer = parseFooter(bytes);
  if (!isFooter(footer)) return `${footer.field}: ${footer.problem}`;
  if (footer.diskType !== DISK_TYPE.fixed)
    return `the footer's disk type is ${footer.diskType}, not fixed (${DISK_TYPE.fixed})`;
  return { id: footer.uniqueId, size: Number(footer.currentSize), creator: footer.creatorApplication, footer: bytes };
}
