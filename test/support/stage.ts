import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import type { Test } from 'tap';
import { openDisk, push, type PushOptions, type PushResult } from '../../src/index.js';
import { startAzurite } from './azurite.js';
import { containerOf, endBreak } from './blobs.js';
import { temporaryFolder } from './folder.js';
import { startGate, type Gate, type GateOptions } from './gate.js';

/** What most tests of pushes need: a server behind a gate, a container, a folder, and a push from this process. */
export interface Stage {
  readonly folder: string;
  readonly gate: Gate;
  /** Not told to go through the gate, but by its account. */
  readonly container: ContainerClient;
  /** For the library: credential, state folder, and retries that do not take long. */
  readonly options: {
    readonly environment: Record<string, string>;
    readonly stateFolder: string;
    readonly cacheFolder: string;
    readonly retry: NonNullable<PushOptions['retry']>;
  };
  /** For the command line. */
  readonly env: {
    readonly AZURE_STORAGE_CONNECTION_STRING: string;
    readonly VHDUP_STATE_DIR: string;
    readonly VHDUP_CACHE_DIR: string;
  };
  readonly uri: (name: string) => string;
  readonly pushed: (path: string, more: PushOptions) => Promise<PushResult>;
}

export async function stage(t: Test, gateOptions: GateOptions = {}): Promise<Stage> {
  const folder = await temporaryFolder(t);
  const azurite = await startAzurite();
  const gate = await startGate(azurite, gateOptions);
  t.teardown(async () => {
    await gate.stop();
    await azurite.stop();
  });
  const stateFolder = join(folder, 'state');
  await mkdir(stateFolder, { mode: 0o700 });
  const cacheFolder = join(folder, 'cache');
  const container = await containerOf(azurite, 'vhds');
  const options = {
    environment: { ...gate.env },
    stateFolder,
    cacheFolder,
    retry: { attempts: 6, firstDelayMs: 2, maxDelayMs: 20 },
  };
  return {
    folder,
    gate,
    container,
    options,
    env: { ...gate.env, VHDUP_STATE_DIR: stateFolder, VHDUP_CACHE_DIR: cacheFolder },
    uri: (name) => `${gate.url}/vhds/${name}`,
    pushed: async (path, more) => {
      await using disk = await openDisk(path);
      const result = await push(disk, { ...options, ...more });
      const [, , inContainer, ...name] = decodeURIComponent(new URL(result.blob).pathname).split('/');
      if (inContainer === 'vhds') await endBreak(container, name.join('/'));
      return result;
    },
  };
}
