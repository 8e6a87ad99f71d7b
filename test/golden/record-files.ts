import { createHash } from 'node:crypto';
import { lstat, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import crc32 from 'crc-32';
import type { Test } from 'tap';
import { normalised, type Places } from './normalise.js';

/** The layout of record files, written down once more, without any code of `src`. */

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest();

/** The name of the record about `key`. */
export function nameFor(key: string, kind: string): string {
  return `${sha256(key).toString('hex').slice(0, 32)}.${kind}`;
}

/** The text of a record file. */
export function textFor(key: string, record: object): string {
  return JSON.stringify({ crc: crc32.str(JSON.stringify({ key, record })), key, record });
}

/** A file of a folder: what it says where it is JSON, and its permissions. */
interface RecordFile {
  readonly name: string;
  readonly mode: string;
  readonly content: unknown;
}

/** All files of a folder, checked, without what differs in every run; in the order of their kinds. */
export async function recordsIn(t: Test, folder: string, places: Places): Promise<readonly RecordFile[]> {
  const names = await readdir(folder);
  const leafKeys = new Set<string>();
  const records = await Promise.all(
    names.map(async (name): Promise<RecordFile> => {
      const path = join(folder, name);
      const mode = ((await lstat(path)).mode & 0o7777).toString(8);
      const kind = name.slice(name.indexOf('.') + 1);
      if (!/^[0-9a-f]{32}\./.test(name)) return { name, mode, content: '?' };
      if (kind === 'leaves') return { name: '<hash>.leaves', mode, content: leavesIn(await readFile(path)) };
      const text = await readFile(path, 'utf8');
      const { key, record } = JSON.parse(text) as { key: string; record: object };
      t.equal(text, textFor(key, record), `${name}: the checksum and the form are right`);
      t.equal(name, nameFor(key, kind), `${name}: the name is right`);
      if (kind === 'md5.json') leafKeys.add(nameFor(key.slice(0, key.lastIndexOf('\n')), 'leaves'));
      return {
        name: `<hash of key>.${kind}`,
        mode,
        content: normalised({ crc: 0, key: withoutTimes(key), record }, places),
      };
    }),
  );
  for (const name of names)
    if (name.endsWith('.leaves')) t.ok(leafKeys.has(name), `${name}: the name is that of its disk`);
  return records.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

const order = (record: RecordFile) => JSON.stringify(record);

/** Kept digests are about files as they were: file id, size, times, structures. */
function withoutTimes(key: string): string {
  return key.replaceAll(/^\S+( \S+)* (\d+) \d+ \d+ ([0-9a-f]{64})$/gm, '<file id> $2 <mtime> <ctime> $3');
}

/** A file of leaves: magic, hash of the key, digest of the tree, runs. */
function leavesIn(bytes: Buffer): object {
  const runs = bytes.subarray(80);
  return {
    magic: bytes.toString('latin1', 0, 16),
    tree: bytes.toString('hex', 48, 80),
    length: bytes.length,
    runs: sha256(runs).toString('hex'),
  };
}

/** The record of a pull, beside its output. */
export async function pullRecordAt(t: Test, path: string, places: Places): Promise<object> {
  const text = await readFile(path, 'utf8');
  const { record } = JSON.parse(text) as { record: object };
  t.equal(
    text,
    JSON.stringify({ crc: crc32.str(JSON.stringify(record)), record }),
    'the checksum and the form are right',
  );
  const mode = ((await lstat(path)).mode & 0o7777).toString(8);
  return { mode, content: normalised({ crc: 0, record }, places) as unknown };
}
