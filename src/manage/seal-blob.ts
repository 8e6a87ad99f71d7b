import { VhdupError } from '../errors.js';
import { breakLease, releaseInfiniteLease } from '../azure/lease-requests.js';
import { parseBlobUri } from '../azure/location.js';
import { isUnfinishedElsewhere, stateOf } from '../protocol/push-record.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import { letGoCrashed } from '../protocol/hold-lease.js';
import { sealFree, type Seal, type SealWish } from '../protocol/seal.js';
import { Session } from '../session/session.js';
import { defaultStateFolder } from '../state/user-folders.js';
import { readSealRecord, restoreSealRecord } from '../state/seal-record.js';
import type { ManageOptions } from './blob-status.js';

export interface SealOptions extends ManageOptions {
  /** Default: an infinite lease. */
  readonly seal?: SealWish | undefined;
}

export interface SealResult {
  readonly uri: string;
  readonly seal: Seal;
  readonly warnings: readonly string[];
}

/** Keeps a finished blob from changing; throws `seal-refused` for an unfinished one, and where the service has no such seal. */
export async function sealBlob(uri: string, options: SealOptions = {}): Promise<SealResult> {
  const session = new Session(options);
  const stateFolder = options.stateFolder ?? defaultStateFolder();
  const { blob, properties: seen } = await sealable(session, uri);
  await letGoCrashed(blob, seen, stateFolder);
  const properties = await present(blob);
  const problem = unfinished(properties);
  if (problem !== undefined)
    throw new VhdupError('seal-refused', `${blob.uri}: ${problem}, so there is nothing to keep as it is`, {
      hint: 'finish it first: run the same push again',
    });
  const seal = await sealFree(session, blob, properties, options.seal ?? { kind: 'lease' }, stateFolder);
  return { uri: blob.uri, seal, warnings: session.warnings };
}

export interface UnsealOptions extends ManageOptions {
  /** Of the seal; default: what this machine keeps of it. */
  readonly leaseId?: string | undefined;
  /** Ends the lease without its id. */
  readonly break?: boolean | undefined;
}

export interface UnsealResult {
  readonly uri: string;
  readonly outcome: 'unsealed' | 'broken' | 'not-sealed';
  /** What still keeps the blob from changing, in words. */
  readonly protection: string | undefined;
}

/** Takes off the infinite lease of a blob; throws `seal-refused` where its id is not known. Other protection stays. */
export async function unsealBlob(uri: string, options: UnsealOptions = {}): Promise<UnsealResult> {
  const session = new Session(options);
  const stateFolder = options.stateFolder ?? defaultStateFolder();
  const { blob, properties } = await sealable(session, uri);
  const record = await readSealRecord(stateFolder, blob.uri);
  // Removes only the record of this seal: another process may be sealing the blob again.
  const forget = async () => {
    if (record) await restoreSealRecord(stateFolder, record, undefined);
  };
  if (!properties.lease.infinite) {
    await forget();
    return { uri: blob.uri, outcome: 'not-sealed', protection: properties.protection };
  }
  if (options.break) await breakLease(blob);
  else await release(blob, options.leaseId ?? record?.leaseId);
  await forget();
  return {
    uri: blob.uri,
    outcome: options.break ? 'broken' : 'unsealed',
    protection: (await present(blob)).protection,
  };
}

async function release(blob: PageBlob, id: string | undefined): Promise<void> {
  const problem =
    id === undefined
      ? 'this machine does not know the id of its lease'
      : (await releaseInfiniteLease(blob, id))
        ? undefined
        : 'its lease has another id';
  if (problem !== undefined)
    throw new VhdupError('seal-refused', `${blob.uri}: ${problem}`, {
      hint: 'give the id that the seal printed with --lease-id, or end the lease without it: --break',
    });
}

async function sealable(session: Session, uri: string): Promise<{ blob: PageBlob; properties: BlobProperties }> {
  const location = parseBlobUri(uri);
  if (location.snapshot !== undefined || location.versionId !== undefined)
    throw new VhdupError('usage', 'a snapshot or a version needs no seal: nobody can write to it');
  const blob = await session.blob(location);
  return { blob, properties: await present(blob) };
}

async function present(blob: PageBlob): Promise<BlobProperties> {
  const properties = await blob.properties();
  if (!properties)
    throw new VhdupError('destination-missing', `${blob.uri}: there is no such blob`, {
      hint: 'check the name, and that the credential may read it',
    });
  return properties;
}

function unfinished({ metadata, contentMd5, copy }: BlobProperties): string | undefined {
  const state = stateOf(metadata);
  if (state && state.state !== 'complete') return `it is an unfinished push (${state.state})`;
  if (isUnfinishedElsewhere(metadata, contentMd5 !== undefined)) return 'another tool has not finished its upload';
  return copy?.status === 'pending' ? 'it is still being copied to' : undefined;
}
