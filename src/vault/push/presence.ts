import { VhdupError } from '../../errors.js';
import { TRASH, chunkKey, tocKey } from '../../toc/object-names.js';
import type { Store } from '../../store/store.js';
import { reading } from '../damage.js';
import type { Vault } from '../vault.js';

/** Beyond this many objects a listing is quicker than a request for each. */
const MAX_HEADS = 200;

/** The objects that a version needs, and their sizes in bytes; `undefined` if the size is not known. */
export type NeededObjects = ReadonlyMap<string, number | undefined>;

/** Returns the objects that a version needs. Ids are hexadecimal. */
export function neededObjects(
  chunks: Iterable<readonly [id: string, size: number]>,
  tocs: Iterable<readonly [id: string, size: number | undefined]>,
): NeededObjects {
  return new Map<string, number | undefined>([
    ...[...chunks].map(([id, size]) => [chunkKey(id), size] as const),
    ...[...tocs].map(([id, size]) => [tocKey(id), size] as const),
  ]);
}

/**
 * Throws `source-changed` if an object that a version needs is gone, or is about to be deleted: then the version must not become
 * visible (docs/VAULT.md, "Writing"). Throws `vault-damaged` if one has another size.
 */
export async function requirePresent({ store }: Vault, needed: NeededObjects): Promise<void> {
  const condemned = await condemnedIn(store);
  for (const [key, size] of await sizesOf(store, needed)) {
    if (size === undefined || condemned.has(key))
      throw new VhdupError('source-changed', `${store.name}: ${key} was deleted while the version was stored`, {
        hint: 'run the same command again: the version is compared with the latest one that is there',
      });
    const expected = needed.get(key);
    if (expected !== undefined && expected !== size)
      throw new VhdupError('vault-damaged', `${store.name}: ${key} has ${size} bytes, not ${expected}`);
  }
}

/** Returns the objects that are to be deleted. */
async function condemnedIn(store: Store): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for await (const { key } of store.list(TRASH)) {
    const bytes = await store.get(key);
    const list = await reading(store, key, () => objectsOf(bytes));
    for (const object of list) keys.add(object);
  }
  return keys;
}

function objectsOf(bytes: Buffer): readonly string[] {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    const objects: unknown =
      typeof value === 'object' && value !== null && 'objects' in value ? value.objects : undefined;
    if (Array.isArray(objects) && objects.every((object) => typeof object === 'string')) return objects;
  } catch {
    // It is not JSON: said below.
  }
  throw new RangeError('it is not a list of objects to delete');
}

async function sizesOf(store: Store, needed: NeededObjects): Promise<Map<string, number | undefined>> {
  const sizes = new Map<string, number | undefined>([...needed.keys()].map((key) => [key, undefined]));
  if (needed.size <= MAX_HEADS) {
    for (const key of needed.keys()) sizes.set(key, (await store.head(key))?.size);
    return sizes;
  }
  for (const prefix of ['chunk/', 'toc/'])
    for await (const { key, size } of store.list(prefix)) if (sizes.has(key)) sizes.set(key, size);
  return sizes;
}
