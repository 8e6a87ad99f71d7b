import type { FileState } from './disk.js';
import type { FileTimes, SourceHandle } from './file.js';

/** Returns the state of the file that the path leads to now. */
export async function currentState(file: SourceHandle): Promise<FileState> {
  return stateOf(file.path, await file.statPath());
}

/**
 * Returns the state of an open file, given the times that its path had. Identity and size are those of the open file, because that is
 * what is read, whatever the path leads to meanwhile and however the file grows.
 */
export function openedState(file: SourceHandle, times: FileTimes): FileState {
  return stateOf(file.path, { ...times, identity: file.identity, size: file.size });
}

function stateOf(path: string, { identity, size, mtimeNs, ctimeNs, allocated = size }: FileTimes): FileState {
  return { path, fileId: identity, size, mtimeNs, ctimeNs, allocated: Math.min(allocated, size), seenMs: Date.now() };
}
