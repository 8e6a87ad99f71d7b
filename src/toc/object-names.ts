/** The names of a vault's objects in its store (docs/VAULT.md, "Objects"). */

const DATASET = /^[a-z0-9][a-z0-9._-]{0,62}$/;
/** Names that mean a device on Windows, whatever follows a dot. */
const DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/;
const SEQ_DIGITS = 8;
const REV_DIGITS = 4;
const RECORD = /^versions\/([^/]+)\/(\d{8})\.(\d{4})\.json$/;
const GONE = /^versions\/([^/]+)\/(\d{8})\.gone$/;
const PIN = /^versions\/([^/]+)\/(\d{8})\.pin-([0-9a-f]{32})\.json$/;
const SESSION = /^session\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(0|[1-9]\d{0,8})\.json$/;

/** The name of the object that makes a folder or prefix a vault. */
export const VAULT_KEY = 'vault.json';
/** What the names of all records begin with. */
export const VERSIONS = 'versions/';
/** What the names of all lists of sessions begin with. */
export const SESSIONS = 'session/';
/** What the names of all trash lists begin with. */
export const TRASH = 'trash/';

/** Returns a dataset's name as keys have it, in lower case; `undefined` if no dataset may have it. */
export function datasetName(name: string): string | undefined {
  const lower = name.toLowerCase();
  return DATASET.test(lower) && !lower.endsWith('.') && !DEVICE.test(lower) ? lower : undefined;
}

/** Returns what the names of a dataset's records begin with. */
export function datasetPrefix(dataset: string): string {
  return `${VERSIONS}${dataset}/`;
}

/** Returns the name of a record. */
export function recordKey(dataset: string, seq: number, rev: number): string {
  return `${datasetPrefix(dataset)}${digits(seq, SEQ_DIGITS)}.${digits(rev, REV_DIGITS)}.json`;
}

/** Returns the name of a pin. `id`: 32 hexadecimal digits. */
export function pinKey(dataset: string, seq: number, id: string): string {
  return `${datasetPrefix(dataset)}${digits(seq, SEQ_DIGITS)}.pin-${id}.json`;
}

/** Returns the name of what keeps the number of a forgotten version from being used again. */
export function goneKey(dataset: string, seq: number): string {
  return `${datasetPrefix(dataset)}${digits(seq, SEQ_DIGITS)}.gone`;
}

/** Returns the name of the list of what a long push has made so far. `uuid`: of its record; `number`: that of the list, from 0. */
export function sessionKey(uuid: string, number: number): string {
  return `${SESSIONS}${uuid}-${number}.json`;
}

/** Returns the name of a TOC object. */
export function tocKey(id: string): string {
  return `toc/${id}`;
}

/** Returns the name of a chunk. */
export function chunkKey(id: string): string {
  return `chunk/${id.slice(0, 2)}/${id}`;
}

/** Returns the id of the TOC object that has this name; `undefined` if none has. */
export function parseTocKey(key: string): string | undefined {
  return /^toc\/([0-9a-f]{32})$/.exec(key)?.[1];
}

/** Returns the id of the chunk that has this name; `undefined` if none has. */
export function parseChunkKey(key: string): string | undefined {
  const [, folder, id] = /^chunk\/([0-9a-f]{2})\/([0-9a-f]{32})$/.exec(key) ?? [];
  return id?.slice(0, 2) === folder ? id : undefined;
}

/** Returns what the name of a session's list says; `undefined` if none has it. */
export function parseSessionKey(key: string): { readonly uuid: string; readonly number: number } | undefined {
  const [, uuid, number] = SESSION.exec(key) ?? [];
  return uuid === undefined ? undefined : { uuid, number: Number(number) };
}

/** An object below `versions/`. */
export type VersionKey =
  | { readonly kind: 'record'; readonly dataset: string; readonly seq: number; readonly rev: number }
  | { readonly kind: 'gone'; readonly dataset: string; readonly seq: number }
  | { readonly kind: 'pin'; readonly dataset: string; readonly seq: number; readonly id: string };

/** Returns what a name below `versions/` says; `undefined` for a name that no vault gives. */
export function parseVersionKey(key: string): VersionKey | undefined {
  const [, dataset = '', seq = '', last = ''] = RECORD.exec(key) ?? GONE.exec(key) ?? PIN.exec(key) ?? [];
  if (datasetName(dataset) !== dataset || Number(seq) === 0) return undefined;
  const common = { dataset, seq: Number(seq) };
  if (key.endsWith('.gone')) return { ...common, kind: 'gone' };
  return key.includes('.pin-')
    ? { ...common, kind: 'pin', id: last }
    : { ...common, kind: 'record', rev: Number(last) };
}

function digits(value: number, count: number): string {
  if (!Number.isInteger(value) || value < 0 || value >= 10 ** count)
    throw new RangeError(`${value} is no number of ${count} digits`);
  return String(value).padStart(count, '0');
}
