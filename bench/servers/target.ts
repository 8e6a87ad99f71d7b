import {
  generateAccountSASQueryParameters,
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  BlobServiceClient,
  SASProtocol,
  StorageSharedKeyCredential,
  type ContainerClient,
} from '@azure/storage-blob';
import { addressOf } from '../../test/support/azurite.js';
import { containerOf } from '../../test/support/blobs.js';
import { startStockAzurite } from '../../test/support/stock-azurite.js';
import type { Sink } from './sink.js';

export const CONTAINER = 'bench';
const DAY_MS = 86_400_000;

/** Where contestants send to: all of them with the same SAS, so that nobody signs requests. */
export interface Target {
  readonly name: 'Azurite' | 'sink';
  /** Of a blob, with the SAS. */
  uri(blob: string): string;
}

/** An Azurite of its own, in memory. */
export interface AzuriteTarget extends Target {
  readonly container: ContainerClient;
  stop(): Promise<void>;
}

/** Starts Azurite with an empty container. It frees no memory for minutes, so it should not live long. */
export async function startAzuriteTarget(folder: string): Promise<AzuriteTarget> {
  const azurite = await startStockAzurite(folder);
  return {
    ...targetAt('Azurite', azurite.url),
    container: await containerOf(azurite, CONTAINER),
    stop: () => azurite.stop(),
  };
}

export function sinkTarget(sink: Sink): Target {
  return targetAt('sink', sink.url);
}

export function targetAt(name: Target['name'], url: string): Target {
  const sas = emulatorSas(url);
  return { name, uri: (blob) => `${url}/${CONTAINER}/${blob}?${sas}` };
}

/** By the key that every Azurite has. */
function emulatorSas(url: string): string {
  const { credential, accountName } = BlobServiceClient.fromConnectionString(addressOf(url).connectionString);
  if (!(credential instanceof StorageSharedKeyCredential)) throw new Error(`no key for ${accountName}`);
  return generateAccountSASQueryParameters(
    {
      permissions: AccountSASPermissions.parse('rwdlacu'),
      resourceTypes: AccountSASResourceTypes.parse('sco').toString(),
      services: AccountSASServices.parse('b').toString(),
      protocol: SASProtocol.HttpsAndHttp,
      startsOn: new Date(Date.now() - DAY_MS),
      expiresOn: new Date(Date.now() + DAY_MS),
    },
    credential,
  ).toString();
}
