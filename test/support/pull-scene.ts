import { randomBytes } from 'node:crypto';
import type { ContainerClient } from '@azure/storage-blob';
import type { Test } from 'tap';
import { openDisk, pull, type Disk, type PullOptions, type PullResult } from '../../src/index.js';
import { threeLevels, type Scene } from './push-scene.js';
import { stage, type Stage } from './stage.js';

/** A stage, a chain on disk, and the way back. */
export interface PullScene extends Stage {
  readonly scene: Scene;
  readonly pulled: (name: string, output: string, options?: PullOptions) => Promise<PullResult>;
}

/** Starts the servers and writes the chain; nothing is pushed yet. */
export async function pullScene(t: Test, size?: Parameters<typeof threeLevels>[1]): Promise<PullScene> {
  const set = await stage(t);
  const { environment, retry, stateFolder } = set.options;
  return {
    ...set,
    scene: await threeLevels(set.folder, size),
    pulled: (name, output, options = {}) =>
      pull(set.uri(name), output, { environment, retry, stateFolder, ...options }),
  };
}

/** What a disk reads as. */
export async function contentOf(disk: Disk): Promise<Buffer> {
  const content = Buffer.alloc(disk.size);
  await disk.read(0, content);
  return content;
}

/** What the disk in a file reads as, with its chain; parents outside of its folder are in `parentDirs`. */
export async function contentOfFile(path: string, ...parentDirs: readonly string[]): Promise<Buffer> {
  await using disk = await openDisk(path, { parentDirs });
  return await contentOf(disk);
}

/** Makes a page blob of random bytes without a footer. */
export async function rawBlob(container: ContainerClient, name: string, content = randomBytes(8192)): Promise<Buffer> {
  const blob = container.getPageBlobClient(name);
  await blob.create(content.length);
  await blob.uploadPages(content, 0, content.length);
  return content;
}
