import { VhdupError } from '../errors.js';
import type { Range } from '../bytes/range.js';

/** An object of a store. */
export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** When it was created, by the clock of the store, in milliseconds since 1970. */
  readonly modified: number;
}

/**
 * A place for objects that never change. Nothing is ever overwritten, so there are no locks, and what was read once may be kept for
 * ever. Keys are ASCII text of segments with `/` between them.
 */
export interface Store {
  /** What it is called in messages: a URI without a SAS, or a path. */
  readonly name: string;

  /**
   * Creates an object from these parts, one after the other: whole or not at all, and durable when this returns. Returns `exists` if
   * there is one with this key, which stays as it is. After a lost answer the object may be the caller's own.
   */
  create(key: string, parts: readonly Uint8Array[]): Promise<'created' | 'exists'>;

  /** Returns an object, or exactly a range of it. Throws `ObjectMissing`, or `vault-damaged` if it has fewer bytes. */
  get(key: string, range?: Range): Promise<Buffer>;

  /** Returns the size and the time of an object; `undefined` if there is none. */
  head(key: string): Promise<StoredObject | undefined>;

  /** Yields all objects whose keys begin with `prefix` and that were there when the listing began, in any order. */
  list(prefix: string): AsyncIterable<StoredObject>;

  /** Deletes an object. One that is absent is no error. */
  delete(key: string): Promise<void>;

  /** Returns the time by the clock of the store, in milliseconds since 1970. */
  now(): Promise<number>;
}

/** There is no such object. */
export class ObjectMissing extends VhdupError {
  readonly key: string;

  constructor(store: Pick<Store, 'name'>, key: string, cause?: unknown) {
    super('vault-damaged', `${store.name}: there is no object ${key}`, { cause });
    this.key = key;
  }
}

/** What a segment of a key may consist of. */
const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;
const MAX_KEY = 512;

/** Throws `RangeError` for a key that could lead out of the store, or that some store cannot have. */
export function requireKey(key: string): void {
  const isAllowed = (segment: string): boolean =>
    SEGMENT.test(segment) && !segment.endsWith('.') && !DEVICE.test(segment);
  if (key.length > MAX_KEY || !key.split('/').every(isAllowed))
    throw new RangeError(`${JSON.stringify(key)} is not allowed as a key`);
}
