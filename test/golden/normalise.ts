import { ID_PREFIX } from './disks.js';

/** The ETag that tests give to bases, since a fingerprint depends on it. */
export const BASE_ETAG = '0x601D00000000001';

/** What stands for a URL and a folder that differ in every run. */
export interface Places {
  /** URL of the account. */
  readonly account: string;
  readonly folder: string;
}

type Rule = (value: unknown) => unknown;

const named =
  (name: string): Rule =>
  (value) =>
    value === null ? null : `<${name}>`;
const lengthOf: Rule = (value) => (typeof value === 'string' ? `<${value.length} characters>` : value);
/** Device, inode, size, mtime and ctime; only the size is the same in every run. */
const withoutTimes: Rule = (value) =>
  typeof value === 'string'
    ? value.replace(
        /^\d+ \d+ (\d+) \d+( \d+)?$/,
        (_, size: string, ctime) => `<dev> <ino> ${size} <mtime>${ctime === undefined ? '' : ' <ctime>'}`,
      )
    : value;

/** What is random under these names, whatever it looks like. */
const BY_KEY: Readonly<Record<string, Rule>> = {
  times: named('times'),
  vhdup_times: named('times'),
  lease: lengthOf,
  vhdup_lease: lengthOf,
  holder: (value) => (typeof value === 'string' ? value.replace(/^[^/]+\/\d+$/, '<host>/<pid>') : value),
  vhdup_holder: (value) => (typeof value === 'string' ? value.replace(/^[^/]+\/\d+$/, '<host>/<pid>') : value),
  durationMs: named('ms'),
  bytesPerSecond: named('rate'),
  host: named('host'),
  pid: named('pid'),
  boot: named('boot'),
  namespace: named('namespace'),
  startedAt: named('startedAt'),
  token: named('token'),
  crc: named('crc'),
  file: withoutTimes,
  identity: withoutTimes,
  stamp: withoutTimes,
};

/** A JSON value without what differs in every run. The order of keys stays, and so does all else. */
export function normalised(value: unknown, places: Places, key = ''): unknown {
  const plain = BY_KEY[key]?.(value) ?? value;
  if (typeof plain === 'string') return normalisedText(plain, places);
  if (Array.isArray(plain)) return plain.map((item) => normalised(item, places));
  if (typeof plain !== 'object' || plain === null) return plain;
  return Object.fromEntries(
    Object.entries(plain).map(([name, member]) => [normalisedText(name, places), normalised(member, places, name)]),
  );
}

/** A text without what differs in every run. */
export function normalisedText(text: string, { account, folder }: Places): string {
  return text
    .replaceAll(account, '<account>')
    .replaceAll(folder, '<folder>')
    .replaceAll(/0x[0-9A-F]{15,}/g, (etag) => (etag === BASE_ETAG ? etag : '<etag>'))
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => (id.startsWith(ID_PREFIX) ? id : '<guid>'))
    .replaceAll(/(\.vhdup-part-)[0-9a-f]{16}/g, '$1<token>')
    .replaceAll(/ · [\d.:]+ (s|min|h)( · [\d.]+ [KMGT]?i?B\/s)?$/gm, ' · <pace>')
    .replaceAll(/\S+, process \d+/g, '<host>, process <pid>');
}
