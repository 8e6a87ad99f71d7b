import type { BlobGetPropertiesResponse } from '@azure/storage-blob';
import { VhdupError } from '../errors.js';
import { uriOf, type BlobLocation } from './location.js';

/** The metadata of a blob, by key. Keys are case-insensitive. */
export type Metadata = Readonly<Record<string, string>>;

/** The properties of a blob. */
export interface BlobProperties {
  /** Bytes. */
  readonly size: number;
  /** `PageBlob`, `BlockBlob` or `AppendBlob`. */
  readonly type: string | undefined;
  /** As the service sends it, in quotes. */
  readonly etag: string;
  /** The time of the last change by the service's clock, in whole seconds. */
  readonly lastModified: Date;
  readonly contentMd5: Buffer | undefined;
  readonly metadata: Metadata;
  readonly lease: { readonly state: string | undefined; readonly infinite: boolean };
  /** What protects the blob from changes, in words; `undefined` if nothing does. */
  readonly protection: string | undefined;
  /** The last copy to the blob, if there was one. */
  readonly copy:
    | {
        readonly id: string;
        /** `pending`, `success`, `aborted` or `failed`. */
        readonly status: string;
        readonly description: string | undefined;
        /** `DONE/TOTAL`, in bytes. */
        readonly progress: string | undefined;
        readonly completedAt: Date | undefined;
      }
    | undefined;
  /** The time of the answer, by the service's clock. */
  readonly date: Date;
  /** True for the Azurite emulator: there, a copy shares pages with its source. */
  readonly emulator: boolean;
  readonly headers: BlobHeaders;
}

/** The properties that Set Blob HTTP Headers replaces, all at once. */
export interface BlobHeaders {
  readonly blobContentType?: string;
  readonly blobContentEncoding?: string;
  readonly blobContentLanguage?: string;
  readonly blobContentDisposition?: string;
  readonly blobCacheControl?: string;
}

/** Returns the properties in an answer to Get Blob Properties. Throws `unexpected` if the ETag, length or Last-Modified is missing. */
export function propertiesFrom(found: BlobGetPropertiesResponse, location: BlobLocation): BlobProperties {
  const { etag, contentLength, lastModified, copyId, copyStatus } = found;
  if (etag === undefined || contentLength === undefined || lastModified === undefined)
    throw new VhdupError('unexpected', `${uriOf(location)}: the service sent no ETag, length or Last-Modified`);
  const infinite = found.leaseState === 'leased' && found.leaseDuration === 'infinite';
  return {
    size: contentLength,
    type: found.blobType,
    etag,
    lastModified,
    contentMd5: found.contentMD5 && found.contentMD5.length > 0 ? Buffer.from(found.contentMD5) : undefined,
    metadata: found.metadata ?? {},
    lease: { state: found.leaseState, infinite },
    protection: protectionOf(found, location, infinite),
    copy:
      copyId === undefined || copyStatus === undefined
        ? undefined
        : {
            id: copyId,
            status: copyStatus,
            description: found.copyStatusDescription,
            progress: found.copyProgress,
            completedAt: found.copyCompletedOn,
          },
    date: found.date ?? lastModified,
    emulator: found._response.headers.get('server')?.startsWith('Azurite') ?? false,
    headers: {
      ...(found.contentType === undefined ? {} : { blobContentType: found.contentType }),
      ...(found.contentEncoding === undefined ? {} : { blobContentEncoding: found.contentEncoding }),
      ...(found.contentLanguage === undefined ? {} : { blobContentLanguage: found.contentLanguage }),
      ...(found.contentDisposition === undefined ? {} : { blobContentDisposition: found.contentDisposition }),
      ...(found.cacheControl === undefined ? {} : { blobCacheControl: found.cacheControl }),
    },
  };
}

function protectionOf(
  found: BlobGetPropertiesResponse,
  { snapshot, versionId }: BlobLocation,
  infinite: boolean,
): string | undefined {
  if (snapshot !== undefined) return 'it is a snapshot';
  if (versionId !== undefined) return 'it is a version';
  return protectionBy(found, infinite);
}

/** What the service says of a blob's protection, in its properties and in a listing. */
interface ProtectionState {
  readonly legalHold?: boolean;
  readonly immutabilityPolicyMode?: string;
  readonly immutabilityPolicyExpiresOn?: Date;
}

/** Returns what keeps a blob from changing, in words; `undefined` if nothing does. `infinite`: it has an infinite lease. */
export function protectionBy(
  { legalHold, immutabilityPolicyMode: mode, immutabilityPolicyExpiresOn: end }: ProtectionState,
  infinite: boolean,
): string | undefined {
  if (legalHold) return 'a legal hold';
  if (mode !== undefined && end && end.getTime() > Date.now())
    return `an immutability policy until ${end.toISOString()}`;
  return infinite ? 'an infinite lease' : undefined;
}
