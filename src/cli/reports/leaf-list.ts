import type { LeafListResult } from '../../manage/make-leaf-list.js';
import type { LeafListState } from '../../protocol/leaf-list-state.js';
import { table } from '../output.js';
import { size } from '../units.js';
import { paceWords } from './amounts.js';

/** Returns the state of a list of leaves for programs. */
export function leafListJson({ uri, state, bytes, problem }: LeafListState): object {
  return { blob: uri, state, bytes, problem };
}

/** Returns the row of a table that shows a list of leaves. */
export function leafListRow({ state, bytes, problem }: LeafListState): readonly [name: string, value: string] {
  const words = {
    fits: `there, ${size(bytes ?? 0)}`,
    other: `does not hold: ${problem ?? 'it is damaged'}`,
    none: 'none',
    unreadable: 'may not be read',
  };
  return ['leaf list', words[state]];
}

/** Returns a list that was made, for programs. */
export function leavesJson(result: LeafListResult): object {
  const { blob, leafList, outcome, tree, listBytes, checkedBy, durationMs, bytesPerSecond, warnings } = result;
  return { blob, leafList, outcome, tree, listBytes, checkedBy, durationMs, bytesPerSecond, warnings };
}

/** Returns a list that was made, for people. */
export function leavesLines(result: LeafListResult): string[] {
  const { leafList, outcome, tree, listBytes, checkedBy } = result;
  if (outcome === 'already-there') return [`${leafList}: it is there already, and holds`];
  const checks = { tree: 'its tree digest', md5: 'its Content-MD5' };
  return [
    `${leafList}: made`,
    ...table([
      ['read', paceWords(result).join(' · ')],
      ['size', size(listBytes)],
      ['tree digest', tree],
      ['compared with', checkedBy === undefined ? 'nothing: the blob has no digest' : checks[checkedBy]],
    ]),
  ];
}
