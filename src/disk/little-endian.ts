/** The fields of structures whose integers are little-endian, such as those of VHDX. */

import { viewOf, type Field } from './field.js';

export { bytesOf, hex, text, type Field } from './field.js';

/** Reads an unsigned 16-bit field. */
export function uint16(structure: Uint8Array, [offset]: Field): number {
  return viewOf(structure).getUint16(offset, true);
}

/** Reads an unsigned 32-bit field. */
export function uint32(structure: Uint8Array, [offset]: Field): number {
  return viewOf(structure).getUint32(offset, true);
}

/** Reads an unsigned 64-bit field. */
export function uint64(structure: Uint8Array, [offset]: Field): bigint {
  return viewOf(structure).getBigUint64(offset, true);
}
