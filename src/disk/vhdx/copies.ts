import { damagedHint } from '../damaged-hint.js';
import type { Findings } from '../findings.js';
import type { ImageOptions } from '../image.js';
import { checksum, hex, text, uint32, type Field } from './layout.js';

/** A structure that stands twice in the file, with a signature and a checksum ([MS-VHDX] 2.2). */
export interface CopyKind {
  /** Such as `header`. */
  readonly name: string;
  readonly signature: string;
  readonly fields: { readonly signature: Field; readonly checksum: Field };
}

/** One of the two copies of a structure. */
export interface Copy {
  readonly bytes: Buffer;
  /** In the file, in bytes. */
  readonly offset: number;
  /** Such as `header 1`. */
  readonly name: string;
}

/** What damaged copies are reported with. */
export interface CopyContext {
  readonly options: ImageOptions;
  readonly findings: Findings;
}

/** Returns true if a copy begins as its structure does, whatever its checksum is. */
export function hasSignature({ bytes }: Copy, { signature, fields }: CopyKind): boolean {
  return text(bytes, fields.signature) === signature;
}

/** Returns true if the signature and the checksum of a copy are right. */
export function isValid(copy: Copy, kind: CopyKind): boolean {
  return hasSignature(copy, kind) && uint32(copy.bytes, kind.fields.checksum) === checksum(copy.bytes);
}

/**
 * Reports the copies that are not valid: as warnings if `used` is valid, the copy that is used, else as errors. With
 * `ignoreChecksum` a wrong checksum is no error.
 */
export function reportDamaged(
  copies: readonly Copy[],
  used: Copy | undefined,
  kind: CopyKind,
  { options, findings }: CopyContext,
): void {
  for (const copy of copies.filter((one) => !isValid(one, kind))) {
    const { offset, field, problem } = damage(copy, kind);
    if (used) findings.warning(offset, field, `${problem}: the other ${kind.name} is used`, { code: 'damaged-copy' });
    else if (!options.ignoreChecksum || !hasSignature(copy, kind))
      findings.error(offset, field, problem, { hint: damagedHint() });
  }
}

function damage(copy: Copy, kind: CopyKind): { offset: number; field: string; problem: string } {
  const { bytes, offset, name } = copy;
  if (!hasSignature(copy, kind)) return { offset, field: `${name} signature`, problem: `is not "${kind.signature}"` };
  const { checksum: field } = kind.fields;
  return {
    offset: offset + field[0],
    field: `${name} checksum`,
    problem: `${hex(uint32(bytes, field))} is wrong, the bytes give ${hex(checksum(bytes))}`,
  };
}
