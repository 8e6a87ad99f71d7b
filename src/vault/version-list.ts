import { VhdupError } from '../errors.js';
import { VERSIONS, datasetPrefix, parseVersionKey, recordKey } from '../toc/object-names.js';
import { parseRecord, type VersionRecord } from '../toc/record.js';
import { reading } from './damage.js';
import type { Vault } from './vault.js';

/** The versions of a dataset, as a listing of the store shows them. */
export interface ListedDataset {
  readonly dataset: string;
  /** In ascending order. */
  readonly versions: readonly ListedVersion[];
  /** The highest number that was ever used, also by versions that were forgotten since. */
  readonly highestSeq: number;
}

/** A version, and the records that there are of it. */
export interface ListedVersion {
  readonly seq: number;
  /** In descending order. */
  readonly revs: readonly number[];
}

/** Lists all datasets, in alphabetical order; with `dataset` that one only. */
export async function listVersions(vault: Vault, dataset?: string): Promise<ListedDataset[]> {
  const found = new Map<string, { revs: Map<number, number[]>; highest: number }>();
  const prefix = dataset === undefined ? VERSIONS : datasetPrefix(dataset);
  for await (const { key } of vault.store.list(prefix)) {
    const parsed = parseVersionKey(key);
    if (!parsed || parsed.kind === 'pin') continue;
    const of = found.get(parsed.dataset) ?? { revs: new Map<number, number[]>(), highest: 0 };
    found.set(parsed.dataset, of);
    of.highest = Math.max(of.highest, parsed.seq);
    if (parsed.kind === 'record') of.revs.set(parsed.seq, [...(of.revs.get(parsed.seq) ?? []), parsed.rev]);
  }
  return [...found]
    .map(([name, { revs, highest }]) => ({
      dataset: name,
      highestSeq: highest,
      versions: [...revs].map(([seq, all]) => ({ seq, revs: all.sort((a, b) => b - a) })).sort((a, b) => a.seq - b.seq),
    }))
    .sort((a, b) => (a.dataset < b.dataset ? -1 : 1));
}

/** Reads the record of a version: that of its highest rev. Throws `version-missing` if there is none, and `vault-damaged`. */
export async function readRecord(vault: Vault, dataset: string, { seq, revs }: ListedVersion): Promise<VersionRecord> {
  const [rev] = revs;
  if (rev === undefined) throw missingVersion(vault, `${dataset}@${seq}`);
  const key = recordKey(dataset, seq, rev);
  const bytes = await vault.store.get(key);
  return reading(vault.store, key, () => parseRecord({ dataset, seq, rev }, bytes));
}

/** Returns the record of a version, or with `latest` that of the highest number. Throws `version-missing`. */
export async function findVersion(vault: Vault, dataset: string, seq: number | 'latest'): Promise<VersionRecord> {
  const [listed] = await listVersions(vault, dataset);
  const version = seq === 'latest' ? listed?.versions.at(-1) : listed?.versions.find((other) => other.seq === seq);
  if (!version) throw missingVersion(vault, seq === 'latest' ? dataset : `${dataset}@${seq}`);
  return readRecord(vault, dataset, version);
}

function missingVersion({ store }: Vault, name: string): VhdupError {
  return new VhdupError('version-missing', `${store.name}: there is no ${name}`, {
    hint: 'the list of its versions says what there is',
  });
}
