import type { Disk } from './disk.js';
import { openChain, type ChainOptions } from './chain.js';
import { localFiles, type Files } from './file.js';

/** Options of `openDisk`. */
export type OpenOptions = ChainOptions;

/**
 * Opens a disk and the chain of its parents.
 * Throws `disk-unreadable`, `disk-invalid`, `disk-unsupported` or `chain-broken`; the message names the file, the offset and
 * the field that is wrong.
 */
export function openDisk(path: string, options: OpenOptions = {}): Promise<Disk> {
  return openDiskFrom(localFiles, path, options);
}

/** Does what `openDisk` does, with other files than those of this machine. */
export function openDiskFrom(files: Files, path: string, options: OpenOptions = {}): Promise<Disk> {
  return openChain(path, files, options);
}
