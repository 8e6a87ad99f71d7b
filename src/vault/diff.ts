import type { TocEntry } from '../toc/entry.js';
import { ParentIndex } from './push/parent-index.js';
import type { Toc } from './read/toc.js';

/** What became of a range of bytes. `moved`: the older version has it at another place. */
export type ChangeKind = 'same' | 'moved' | 'changed' | 'zero';

/** A range of the newer version. */
export interface Change {
  readonly start: number;
  readonly length: number;
  readonly kind: ChangeKind;
}

/**
 * Yields how a version differs from another one: all of its ranges in order, neighbours of one kind joined. `zero` is zero now, and was
 * not zero, or was not there; what is zero in both is `same`. Reads tables of contents only. Throws `vault-damaged`.
 */
export async function* diffVersions(older: Toc, newer: Toc): AsyncGenerator<Change> {
  const index = await ParentIndex.load(older);
  let last: Change | undefined;
  for await (const change of changes(index, newer)) {
    if (last?.kind === change.kind) last = { ...last, length: last.length + change.length };
    else {
      if (last) yield last;
      last = change;
    }
  }
  if (last) yield last;
}

async function* changes(older: ParentIndex, newer: Toc): AsyncGenerator<Change> {
  for (const [page, row] of newer.root.pages.entries()) {
    const { start, length } = row;
    if (row.kind === 'zero') {
      yield* zeros(older, start, length);
      continue;
    }
    if (older.page(row.hash, start)?.row.start === start) {
      yield { start, length, kind: 'same' };
      continue;
    }
    for (const entry of (await newer.page(page)).entries) {
      const range = { start: start + entry.start, length: entry.length };
      if (entry.kind === 'zero') yield* zeros(older, range.start, range.length);
      else yield { ...range, kind: await kindOf(older, entry, range.start) };
    }
  }
}

async function kindOf(older: ParentIndex, entry: TocEntry, start: number): Promise<ChangeKind> {
  if (entry.kind === 'zero' || entry.kind === 'parent') return 'changed';
  const here = await older.at(start);
  if (here?.entry.id.equals(entry.id) && here.entry.length === entry.length) return 'same';
  return (await older.find(entry.id, entry.length)) ? 'moved' : 'changed';
}

/** Yields the parts of a range of zeros: `same` if the older version is zero there too. */
async function* zeros({ toc }: ParentIndex, start: number, length: number): AsyncGenerator<Change> {
  const end = start + length;
  let at = start;
  for (let index = toc.indexAt(start); index !== undefined && at < end; index++) {
    const row = toc.root.pages[index];
    if (!row) break;
    const entries =
      row.kind === 'zero' ? [{ kind: 'zero', start: 0, length: row.length }] : (await toc.page(index)).entries;
    for (const entry of entries) {
      const to = Math.min(row.start + entry.start + entry.length, end);
      if (to <= at) continue;
      yield { start: at, length: to - at, kind: entry.kind === 'zero' ? 'same' : 'zero' };
      at = to;
    }
  }
  if (at < end) yield { start: at, length: end - at, kind: 'zero' };
}
