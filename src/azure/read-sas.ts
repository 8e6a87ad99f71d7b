import {
  BlobSASPermissions,
  SASProtocol,
  generateBlobSASQueryParameters,
  type StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { registerSas } from '../redact/redact.js';
import { uriOf, type BlobLocation } from './location.js';
import { MAX_CLOCK_DIFFERENCE_MS } from './sas.js';

/** Version of the signature. Emulators do not know the newest ones, and nothing of them is needed. */
const VERSION = '2021-12-02';
/** The life of a SAS, in milliseconds, with the time before now that is for clocks that differ. */
const LIFE_MS = 24 * 3_600_000;
/** A SAS that has less left is made again, in milliseconds. */
const LEAST_LEFT_MS = 3_600_000;

/** Returns a SAS that allows reading one blob, snapshot or version, without a question mark. A secret. */
export type ReadSas = (location: BlobLocation) => string;

/**
 * Returns a function that makes a service SAS with an account key: for one blob, for reading only, over https only unless the
 * endpoint is plain http, for at most 24 hours. The same SAS is returned until less than an hour of it is left. Each is registered
 * as a secret. Specification: Create a service SAS. `now`: milliseconds since 1970.
 */
export function readSasBy(credential: StorageSharedKeyCredential, now: () => number = Date.now): ReadSas {
  const made = new Map<string, { readonly sas: string; readonly endsAt: number }>();
  return (location) => {
    const uri = uriOf(location);
    const held = made.get(uri);
    if (held && held.endsAt - now() >= LEAST_LEFT_MS) return held.sas;
    const startsAt = now() - MAX_CLOCK_DIFFERENCE_MS;
    const endsAt = startsAt + LIFE_MS;
    const { container, name, snapshot, versionId, endpoint } = location;
    const sas = generateBlobSASQueryParameters(
      {
        containerName: container,
        blobName: name,
        ...(snapshot === undefined ? {} : { snapshotTime: snapshot }),
        ...(versionId === undefined ? {} : { versionId }),
        permissions: BlobSASPermissions.parse('r'),
        startsOn: new Date(startsAt),
        expiresOn: new Date(endsAt),
        protocol: /^http:/i.test(endpoint) ? SASProtocol.HttpsAndHttp : SASProtocol.Https,
        version: VERSION,
      },
      credential,
    ).toString();
    registerSas(sas);
    made.set(uri, { sas, endsAt });
    return sas;
  };
}
