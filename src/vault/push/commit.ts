import { VhdupError } from '../../errors.js';
import { recordKey } from '../../toc/object-names.js';
import { encodeRecord, parseRecord, type VersionRecord } from '../../toc/record.js';
import { reading } from '../damage.js';
import type { Vault } from '../vault.js';
import { listVersions } from '../version-list.js';

/** A version that is stored, but for its record. */
export type StoredVersion = Pick<VersionRecord, 'dataset' | 'uuid' | 'toc' | 'facts'>;

/** How often a number that another push has taken is followed by a try of the next one. */
const MAX_TRIES = 100;

/** Makes a stored version visible: creates its record with the next number of its dataset. */
export async function commit(vault: Vault, stored: StoredVersion): Promise<VersionRecord> {
  const { dataset, uuid } = stored;
  const created = new Date(await vault.store.now()).toISOString();
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const [listed] = await listVersions(vault, dataset);
    const seq = (listed?.highestSeq ?? 0) + 1;
    const record = { ...stored, seq, rev: 0, version: uuid, created };
    const key = recordKey(dataset, seq, 0);
    if ((await vault.store.create(key, [encodeRecord(record)])) === 'created') return record;
    const there = await vault.store.get(key);
    // After a lost answer it is this one.
    const other = await reading(vault.store, key, () => parseRecord(record, there));
    if (other.uuid === uuid) return other;
  }
  throw new VhdupError('destination-busy', `${vault.store.name}: ${dataset}: other pushes take each number first`);
}
