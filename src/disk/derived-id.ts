import { createHash } from 'node:crypto';
import { uuidText } from '../bytes/uuid-text.js';

/** What the id of an image without one is derived from. */
export interface IdSource {
  /** Name of the format. */
  readonly format: string;
  /** Bytes that identify the state of the image, in order; what they are is up to the format. */
  readonly token: readonly Uint8Array[];
  /** Virtual size in bytes. */
  readonly size: number;
  /** Id of the parent; `undefined` for an image without one, or whose parent has none. */
  readonly parentId?: string | undefined;
}

/**
 * Derives an id (a UUID of version 8) for an image whose format has no ids. The same image over the same parent gets the same id on
 * every machine, whatever its path, name and times. The id finds a base; it does not prove that the content is the same.
 */
export function derivedId({ format, token, size, parentId }: IdSource): string {
  const hash = createHash('sha256').update(`vhdup id 1\0${format}\0`, 'latin1');
  for (const bytes of token) hash.update(bytes);
  // The 16 bytes after the size are the id of the parent: zeros if there is none.
  const end = Buffer.alloc(1 + 8 + 16);
  end.writeBigUInt64BE(BigInt(size), 1);
  if (parentId !== undefined) Buffer.from(parentId.replaceAll('-', ''), 'hex').copy(end, 9);
  const id = hash.update(end).digest().subarray(0, 16);
  id.writeUInt8((id.readUInt8(6) & 0x0f) | 0x80, 6);
  id.writeUInt8((id.readUInt8(8) & 0x3f) | 0x80, 8);
  return uuidText(id.toString('hex'));
}

/** Returns true if an id was derived, here or before the image was pushed and pulled: other images may have the same one. */
export function isDerivedId(id: string): boolean {
  return /^.{8}-.{4}-8.{3}-[89ab]/.test(id);
}
