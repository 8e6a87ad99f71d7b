import type { ContainerClient, PageBlobClient } from '@azure/storage-blob';
import type { Test } from 'tap';
import { startAzurite, type Azurite } from '../azurite.js';
import { containerOf } from '../blobs.js';
import { startGate, type Gate } from './gate.js';

export interface GateScene {
  readonly azurite: Azurite;
  readonly gate: Gate;
  /** Not through the gate. */
  readonly container: ContainerClient;
  /** Through the gate, by the SDK without its retries. */
  readonly through: ContainerClient;
  readonly blob: PageBlobClient;
}

/** A gate before an Azurite, a container, and a page blob of 8 KiB. `options`: those of the gate. */
export async function gateScene(t: Test, options: { copiesRanges?: boolean } = {}): Promise<GateScene> {
  const azurite = await startAzurite();
  t.teardown(() => azurite.stop());
  const gate = await startGate(azurite, { host: 'localhost', ...options });
  t.teardown(() => gate.stop());
  const container = await containerOf(azurite, 'vhds');
  const through = await containerOf(gate, 'vhds', { maxTries: 1 });
  const blob = through.getPageBlobClient('disk');
  await blob.create(8192);
  gate.records = [];
  return { azurite, gate, container, through, blob };
}

/** What a refused request says: status and code. */
export async function refusalOf(
  request: Promise<unknown>,
): Promise<{ status: number | undefined; code: string | undefined } | undefined> {
  return request.then(
    () => undefined,
    (error: {
      statusCode?: number;
      code?: string;
      response?: { headers: { get(name: string): string | undefined } };
    }) => ({
      status: error.statusCode,
      code: error.response?.headers.get('x-ms-error-code') ?? error.code,
    }),
  );
}
