import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import type { Test } from 'tap';
import { openDisk, pull, push, type Disk, type PullOptions, type PullResult, type PushOptions } from '../../src/index.js';
import { startAzurite } from './azurite.js';
import { containerOf } from './blobs.js';
import { temporaryFolder } from './folder.js';
import { startGate, type Gate } from './gate.js';
import { threeLevels, type Scene } from './push-scene.js';

const RETRY = { attempts: 6, firstDelayMs: 2, maxDelayMs: 20 };

/** A gate before an Azurite, a chain on disk, and the two directions. */
export interface PullScene {
  readonly folder: string;
  readonly gate: Gate;
  readonly container: ContainerClient;
  readonly scene: Scene;
  readonly uri: (name: string) => string;
  readonly pushed: (path: string, options: PushOptions) => Promise<void>;
  readonly pulled: (name: string, output: string, options?: PullOptions) => Promise<PullResult>;
}

/** Starts the servers and writes the chain; nothing is pushed yet. */
export async function pullScene(t: Test, size?: Parameters<typeof threeLevels>[1]): Promise<PullScene> {
  const folder = await temporaryFolder(t);
  const azurite = await startAzurite();
  const gate = await startGate(azurite);
  t.teardown(async () => {
    await gate.stop();
    await azurite.stop();
  });
  const container = await containerOf(azurite, 'vhds');
  const uri = (name: string) => `${gate.url}/vhds/${name}`;
  return {
    folder,
    gate,
    container,
    scene: await threeLevels(folder, size),
    uri,
    pushed: async (path, options) => {
      await using disk = await openDisk(path);
      await push(disk, { environment: gate.env, stateFolder: join(folder, 'state'), retry: RETRY, ...options });
    },
    pulled: (name, output, options = {}) => pull(uri(name), output, { environment: gate.env, retry: RETRY, ...options }),
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
