import type { ContainerClient } from '@azure/storage-blob';
import type { Test } from 'tap';
import { BlockBlob } from '../../src/azure/block-blob.js';
import { BlockBlobStore } from '../../src/azure/block-blob-store.js';
import { Container } from '../../src/azure/container.js';
import { credentialsFor } from '../../src/azure/credential.js';
import { parseBlobUri } from '../../src/azure/location.js';
import { PageBlob } from '../../src/azure/page-blob.js';
import { AZURE_ERRORS } from '../../src/azure/service-error.js';
import { Retrier, type RetryPolicy } from '../../src/run/retry.js';
import { startAzurite, type AzuriteHere } from './azurite.js';
import { containerOf } from './blobs.js';
import { startGate, type Gate } from './gate.js';

/** A server behind a gate, and the classes of src/azure for its blobs. */
export interface AzureScene {
  readonly azurite: AzuriteHere;
  readonly gate: Gate;
  /** The SDK's client. It does not go through the gate. */
  readonly container: ContainerClient;
  /** Ends the work of all blobs on request. */
  readonly cancel: AbortController;
  readonly blobAt: (
    name: string,
    policy?: Partial<RetryPolicy>,
  ) => Promise<{ blob: PageBlob; blockBlob: BlockBlob; container: Container }>;
  /** A store in the part of the container whose names begin with `prefix`. */
  readonly storeAt: (prefix: string, maxRequest?: number) => Promise<BlockBlobStore>;
}

/** Starts the servers; they end with the test. `options`: those of the gate. */
export async function azureScene(t: Test, options: { copiesRanges?: boolean } = {}): Promise<AzureScene> {
  const azurite = await startAzurite();
  t.teardown(() => azurite.stop());
  const gate = await startGate(azurite, options);
  t.teardown(() => gate.stop());
  const cancel = new AbortController();
  const retrierWith = (policy: Partial<RetryPolicy>) =>
    new Retrier({ cancel: cancel.signal, abort: new AbortController().signal }, AZURE_ERRORS, {
      policy: { attempts: 4, firstDelayMs: 1, maxDelayMs: 5, ...policy },
    });
  return {
    azurite,
    gate,
    container: await containerOf(azurite, 'vhds'),
    cancel,
    blobAt: async (name, policy = {}) => {
      const location = parseBlobUri(`${gate.url}/vhds/${name}`);
      const retrier = retrierWith(policy);
      const credentials = await credentialsFor(location, gate.env, policy);
      return {
        blob: new PageBlob(location, credentials, retrier),
        blockBlob: new BlockBlob(location, credentials, retrier),
        container: new Container(location, credentials, retrier),
      };
    },
    storeAt: async (prefix, maxRequest) => {
      const location = { ...parseBlobUri(`${gate.url}/vhds/any`), prefix };
      return new BlockBlobStore(location, await credentialsFor(location, gate.env, {}), retrierWith({}), maxRequest);
    },
  };
}
