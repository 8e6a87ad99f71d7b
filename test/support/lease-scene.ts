import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { PageBlobClient } from '@azure/storage-blob';
import type { Test } from 'tap';
import { parseBlobUri } from '../../src/azure/location.js';
import type { LeaseContext } from '../../src/protocol/lease-context.js';
import { Session } from '../../src/session/session.js';
import { startAzurite, type AzuriteHere } from './azurite.js';
import { containerOf } from './blobs.js';
import { temporaryFolder } from './folder.js';

/** A server, and blobs of it as the protocol and the SDK see them. */
export interface LeaseScene {
  readonly azurite: AzuriteHere;
  readonly folder: string;
  readonly session: Session;
  /** The notes of the session. */
  readonly notes: string[];
  /** Called with each note of the session. */
  onNote: () => Promise<unknown>;
  /** Makes a page blob of 1 KiB. */
  readonly made: (
    name: string,
    metadata?: Record<string, string>,
  ) => Promise<LeaseContext & { client: PageBlobClient }>;
}

export async function leaseScene(t: Test): Promise<LeaseScene> {
  const folder = await temporaryFolder(t);
  const azurite = await startAzurite();
  t.teardown(() => azurite.stop());
  const container = await containerOf(azurite, 'vhds');
  const notes: string[] = [];
  const session = new Session({
    environment: { AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString },
    onEvent: (event) => {
      if (event.type !== 'note') return;
      notes.push(event.message);
      void scene.onNote();
    },
  });
  const scene: LeaseScene = {
    azurite,
    folder,
    session,
    notes,
    onNote: () => Promise.resolve(),
    made: async (name, metadata = {}) => {
      const client = container.getPageBlobClient(name);
      await client.create(1024, { metadata });
      const blob = await session.blob(parseBlobUri(client.url));
      return { session, blob, stateFolder: join(folder, 'state'), client };
    },
  };
  return scene;
}

/** Returns the id of a process that has ended. */
export function endedProcess(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}
