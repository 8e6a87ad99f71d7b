import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import type { Test } from 'tap';
import { openDisk, push, type PushOptions, type PushResult } from '../../src/index.js';
import { startAzurite } from './azurite.js';
import { containerOf } from './blobs.js';
import { temporaryFolder } from './folder.js';
import { startGate, type Gate } from './gate.js';
import { threeLevels, type Scene } from './push-scene.js';

/** A server behind a gate, a chain, and a state folder; a push from this process, and one that ends in the middle. */
export interface ManageScene {
  readonly gate: Gate;
  readonly container: ContainerClient;
  readonly scene: Scene;
  readonly folder: string;
  readonly options: { readonly environment: Record<string, string>; readonly stateFolder: string; readonly retry: NonNullable<PushOptions['retry']> };
  /** For the command line. */
  readonly env: Record<string, string>;
  uri(name: string): string;
  pushed(path: string, more: PushOptions): Promise<PushResult>;
  /** Leaves `name` as a push does that was refused in state `writing`. */
  unfinished(name: string, more?: PushOptions): Promise<void>;
}

export async function manageScene(t: Test): Promise<ManageScene> {
  const folder = await temporaryFolder(t);
  const azurite = await startAzurite();
  const gate = await startGate(azurite);
  t.teardown(async () => {
    await gate.stop();
    await azurite.stop();
  });
  const container = await containerOf(azurite, 'vhds');
  const stateFolder = join(folder, 'state');
  await mkdir(stateFolder, { mode: 0o700 });
  const scene = await threeLevels(folder);
  const options = { environment: { ...gate.env }, stateFolder, retry: { attempts: 4, firstDelayMs: 2, maxDelayMs: 20 } };
  const uri = (name: string) => `${gate.url}/vhds/${name}`;
  const pushed = async (path: string, more: PushOptions) => {
    await using disk = await openDisk(path);
    return await push(disk, { ...options, ...more });
  };
  return {
    gate, container, scene, folder, options, uri, pushed,
    env: { ...gate.env, VHDUP_STATE_DIR: stateFolder },
    unfinished: async (name, more = {}) => {
      const before = gate.onRequest;
      gate.onRequest = ({ kind }) => (kind === 'put-page' ? { status: 403, headers: { 'x-ms-error-code': 'AuthorizationFailure' } } : undefined);
      await pushed(scene.child, { to: uri(name), ...more }).catch(() => undefined);
      gate.onRequest = before;
    },
  };
}
