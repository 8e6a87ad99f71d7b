import type { Disk } from './disk.js';
import { openChain, type ChainOptions } from './chain.js';
import { localFiles, type Files } from './file.js';
import { readVhd } from './vhd/image.js';

export type OpenOptions = ChainOptions;

/**
 * Opens a disk and the chain of its parents.
 * Throws `disk-unreadable`, `disk-invalid`, `disk-unsupported` or `chain-broken`; a file that breaks its format
 * is refused with its path, the offset and the field.
 */
export function openDisk(path: string, options: OpenOptions = {}): Promise<Disk> {
  return openDiskFrom(localFiles, path, options);
}

/** The same from other files than those of this machine. */
export function openDiskFrom(files: Files, path: string, options: OpenOptions = {}): Promise<Disk> {
  return openChain(path, files, readVhd, options);
}
