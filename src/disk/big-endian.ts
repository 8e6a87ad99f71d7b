/** The fields of structures whose integers are big-endian, such as those of VHD and QCOW2. */

/** Offset and width of a field in its structure, in bytes. */
export type Field = readonly [offset: number, width: number];

/** Returns the bytes of a field; they share the structure's memory. */
export function bytesOf(structure: Uint8Array, [offset, width]: Field): Uint8Array {
  return structure.subarray(offset, offset + width);
}

/** Reads an unsigned 32-bit field. */
export function uint32(structure: Uint8Array, [offset]: Field): number {
  return view(structure).getUint32(offset);
}

/** Reads an unsigned 64-bit field. */
export function uint64(structure: Uint8Array, [offset]: Field): bigint {
  return view(structure).getBigUint64(offset);
}

/** Reads a field as Latin-1 text. */
export function text(structure: Uint8Array, field: Field): string {
  return Buffer.from(bytesOf(structure, field)).toString('latin1');
}

/** Returns a number in hexadecimal, for messages. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** Writes an unsigned 32-bit field. */
export function putUint32(structure: Uint8Array, [offset]: Field, value: number): void {
  view(structure).setUint32(offset, value);
}

/** Writes an unsigned 64-bit field. */
export function putUint64(structure: Uint8Array, [offset]: Field, value: bigint): void {
  view(structure).setBigUint64(offset, value);
}

function view(structure: Uint8Array): DataView {
  return new DataView(structure.buffer, structure.byteOffset, structure.byteLength);
}
