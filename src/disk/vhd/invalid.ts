import { VhdupError } from '../../errors.js';

/** The one error for a file that breaks the format: which file, where, which field, what is wrong with it. */
export function invalid(path: string, offset: number, field: string, problem: string, hint?: string): VhdupError {
  return new VhdupError('disk-invalid', `${path}: ${field} at offset ${offset}: ${problem}`, hint === undefined ? {} : { hint });
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
