/** Offset and width of a field in its structure, in bytes. */
export type Field = readonly [offset: number, width: number];

/** Returns the bytes of a field; they share the structure's memory. */
export function bytesOf(structure: Uint8Array, [offset, width]: Field): Uint8Array {
  return structure.subarray(offset, offset + width);
}

/** Reads a field as Latin-1 text. */
export function text(structure: Uint8Array, field: Field): string {
  return Buffer.from(bytesOf(structure, field)).toString('latin1');
}

/** Returns a view of a structure, to read and write its integers. */
export function viewOf(structure: Uint8Array): DataView {
  return new DataView(structure.buffer, structure.byteOffset, structure.byteLength);
}

/** Returns a number in hexadecimal, for messages. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
