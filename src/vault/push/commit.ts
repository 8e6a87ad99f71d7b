import { VhdupError } from '../../errors.js';
import { recordKey } from '../../toc/object-names.js';
import { encodeRecord, parseRecord, type VersionRecord } from '../../toc/record.js';
import { reading } from '../damage.js';
import type { Vault } from '../vault.js';
import { listVersions } from '../version-list.js';
import { requirePresent, type NeededObjects } from './presence.js';

/** A version that is stored, but for its record. */
export type StoredVersion = Pick<VersionRecord, 'dataset' | 'uuid' | 'toc' | 'facts'>;

/** How often a number that another push has taken is followed by a try of the next one. */
const MAX_TRIES = 100;

const HOUR_MS = 3_600_000;
/** The record has to follow the look at the store within this part of the grace. */
const MAX_DELAY = 1 / 4;
/** If the record is dated later than this part of the grace behind the look, the store is looked at once more. */
const MAX_AGE = 1 / 2;

/**
 * Makes a stored version visible: creates its record with the next number of its dataset. All that it needs has to be there, and
 * not be about to be deleted. Throws `source-changed` if something is not, `writer-too-slow` if this process was stopped for so long
 * that the look at the store says nothing any longer.
 */
export async function commit(vault: Vault, stored: StoredVersion, needed: NeededObjects): Promise<VersionRecord> {
  const { store, facts } = vault;
  const graceMs = facts.graceHours * HOUR_MS;
  const began = await store.now();
  const clock = new Clock();
  await requirePresent(vault, needed);
  const record = await createRecord(vault, stored, () => {
    if (clock.elapsedMs() < graceMs * MAX_DELAY) return;
    throw new VhdupError(
      'writer-too-slow',
      `${store.name}: too much time passed before the version could be completed`,
      {
        hint: 'run the same command again',
      },
    );
  });
  const there = await store.head(recordKey(record.dataset, record.seq, record.rev));
  if ((there?.modified ?? Infinity) < began + graceMs * MAX_AGE) return record;
  try {
    await requirePresent(vault, needed);
  } catch (error) {
    await store.delete(recordKey(record.dataset, record.seq, record.rev));
    throw error;
  }
  return record;
}

/** The time since it was made, by the clock that steps and by the one that may stop in sleep: the longer of the two. */
class Clock {
  readonly #wall = Date.now();
  readonly #monotonic = performance.now();

  elapsedMs(): number {
    const wall = Date.now() - this.#wall;
    // A step backward says nothing of how much time has passed.
    return wall < 0 ? Infinity : Math.max(wall, performance.now() - this.#monotonic);
  }
}

async function createRecord(vault: Vault, stored: StoredVersion, requireTime: () => void): Promise<VersionRecord> {
  const { dataset, uuid } = stored;
  const created = new Date(await vault.store.now()).toISOString();
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const [listed] = await listVersions(vault, dataset);
    const seq = (listed?.highestSeq ?? 0) + 1;
    const record = { ...stored, seq, rev: 0, version: uuid, created };
    const key = recordKey(dataset, seq, 0);
    requireTime();
    if ((await vault.store.create(key, [encodeRecord(record)])) === 'created') return record;
    const there = await vault.store.get(key);
    // After a lost answer it is this one.
    const other = await reading(vault.store, key, () => parseRecord(record, there));
    if (other.uuid === uuid) return other;
  }
  throw new VhdupError('destination-busy', `${vault.store.name}: ${dataset}: other pushes take each number first`);
}
