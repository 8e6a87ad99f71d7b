/** The fields of structures whose integers are big-endian, such as those of VHD and QCOW2. */

import { viewOf, type Field } from './field.js';

export { bytesOf, hex, text, type Field } from './field.js';

/** Reads an unsigned 16-bit field. */
export function uint16(structure: Uint8Array, [offset]: Field): number {
  return viewOf(structure).getUint16(offset);
}

/** Reads an unsigned 32-bit field. */
export function uint32(structure: Uint8Array, [offset]: Field): number {
  return viewOf(structure).getUint32(offset);
}

/** Reads an unsigned 64-bit field. */
export function uint64(structure: Uint8Array, [offset]: Field): bigint {
  return viewOf(structure).getBigUint64(offset);
}

/** Writes an unsigned 32-bit field. */
export function putUint32(structure: Uint8Array, [offset]: Field, value: number): void {
  viewOf(structure).setUint32(offset, value);
}

/** Writes an unsigned 64-bit field. */
export function putUint64(structure: Uint8Array, [offset]: Field, value: bigint): void {
  viewOf(structure).setBigUint64(offset, value);
}
