/** A larger bitmap is not made: 64 MiB are enough for a file of 32 TiB in units of 64 KiB. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * The parts of a file that are in use, in units of equal size, with one bit each: it shows whether two structures of an image overlap. The system provides the memory only as it is written to.
 */
export class UsedUnits {
  readonly #bits: Uint8Array;

  private constructor(bits: Uint8Array) {
    this.#bits = bits;
  }

  /** Returns the units of a file, none of them in use. Sizes in bytes. `undefined` if the file has too many units to look at. */
  static of(fileSize: number, unit: number): UsedUnits | undefined {
    const bytes = Math.ceil(Math.ceil(fileSize / unit) / 8);
    return bytes > MAX_BYTES ? undefined : new UsedUnits(new Uint8Array(bytes));
  }

  /** Marks `count` units from index `first` as used, as far as the file has them. Returns true if none of them was used before. */
  claim(first: number, count = 1): boolean {
    let isFree = true;
    const end = Math.min(first + count, this.#bits.length * 8);
    for (let unit = first; unit < end; unit++) {
      const index = Math.floor(unit / 8);
      const bit = 1 << (unit % 8);
      const byte = this.#bits[index] ?? 0;
      if ((byte & bit) !== 0) isFree = false;
      this.#bits[index] = byte | bit;
    }
    return isFree;
  }
}
