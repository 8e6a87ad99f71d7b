import type { AbortResult } from '../../manage/abort-push.js';
import { size } from '../units.js';

/** Returns what was deleted, for programs. */
export function abortJson({ blob, outcome, state, blobSize, warnings }: AbortResult): object {
  return { blob, outcome, state, blobSize, warnings };
}

/** Returns what was deleted, for people. */
export function abortLines({ blob, state, blobSize }: AbortResult): string[] {
  return [`${blob}: deleted, an unfinished push (${state}) of ${size(blobSize)}`];
}
