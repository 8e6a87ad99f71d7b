import type { Disk } from './disk.js';
import { openChain, type ChainOptions } from './chain.js';
import { SourceHandle } from './file.js';
import type { Image, ImageOptions } from './image.js';
import { VhdImage } from './vhd/image.js';

export type OpenOptions = ChainOptions;

/**
 * Opens a disk and the chain of its parents.
 * Throws `disk-unreadable`, `disk-invalid`, `disk-unsupported` or `chain-broken`; a file that breaks its format
 * is refused with its path, the offset and the field.
 */
export function openDisk(path: string, options: OpenOptions = {}): Promise<Disk> {
  return openChain(path, openImage, options);
}

async function openImage(path: string, options: ImageOptions): Promise<Image> {
  return VhdImage.open(await SourceHandle.open(path), options);
}
