import { BadStructure } from './bad-structure.js';

/** Reads the fields of one structure in order, each checked against the bytes that are there. Integers are little-endian. */
export class FieldReader {
  readonly #bytes: Buffer;
  readonly #name: string;
  #at: number;

  /** `name`: the structure, for errors. `at`: where it begins in the bytes. */
  constructor(bytes: Buffer, name: string, at = 0) {
    this.#bytes = bytes;
    this.#name = name;
    this.#at = at;
  }

  /** Bytes from the beginning to the next field. */
  get offset(): number {
    return this.#at;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Returns the error for a field that was read before, or is next. */
  bad(field: string, problem: string, offset = this.#at): BadStructure {
    return new BadStructure(`${this.#name}: ${field}`, offset, problem);
  }

  /** Reads text that has to be there, in ASCII. */
  magic(text: string): void {
    const found = this.bytes('magic', text.length);
    if (found.toString('latin1') !== text) throw this.bad('magic', `is not "${text}"`, this.#at - text.length);
  }

  u8(field: string): number {
    return this.#bytes.readUInt8(this.#take(field, 1));
  }

  u16(field: string): number {
    return this.#bytes.readUInt16LE(this.#take(field, 2));
  }

  u24(field: string): number {
    return this.#bytes.readUIntLE(this.#take(field, 3), 3);
  }

  u32(field: string): number {
    return this.#bytes.readUInt32LE(this.#take(field, 4));
  }

  /** Reads 64 bits without a sign that are a safe integer. */
  u64(field: string): number {
    const at = this.#take(field, 8);
    return this.#safe(field, this.#bytes.readUInt32LE(at), this.#bytes.readUInt32LE(at + 4));
  }

  /** Reads 64 bits with a sign that are a safe integer. */
  i64(field: string): number {
    const at = this.#take(field, 8);
    return this.#safe(field, this.#bytes.readUInt32LE(at), this.#bytes.readInt32LE(at + 4));
  }

  /** Reads bytes. They are a view. */
  bytes(field: string, length: number): Buffer {
    const at = this.#take(field, length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Reads bytes that have to be zero. */
  reserved(length: number): void {
    if (this.bytes('reserved', length).some((byte) => byte !== 0))
      throw this.bad('reserved', 'is not zero', this.#at - length);
  }

  /** Throws if `count` records of `size` bytes cannot be in what is left. */
  require(field: string, count: number, size: number): void {
    if (count * size > this.left)
      throw this.bad(field, `${count} of them need ${count * size} bytes, and ${this.left} are left`);
  }

  /** Throws if bytes are left. */
  end(): void {
    if (this.left > 0) throw this.bad('end', `${this.left} bytes follow`);
  }

  /** Returns where a field begins, and goes behind it. */
  #take(field: string, length: number): number {
    if (length > this.left) throw this.bad(field, `needs ${length} bytes, and ${this.left} are left`);
    const at = this.#at;
    this.#at += length;
    return at;
  }

  /** Entries have two such fields each, so no big integers are made for them. */
  #safe(field: string, low: number, high: number): number {
    const value = high * 2 ** 32 + low;
    if (!Number.isSafeInteger(value)) throw this.bad(field, 'is too large', this.#at - 8);
    return value;
  }
}
