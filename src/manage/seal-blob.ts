import { VhdupError, type Warning } from '../errors.js';
import { breakLease, releaseInfiniteLease } from '../azure/lease-requests.js';
import { parseBlobUri } from '../azure/location.js';
import { requireBlob } from '../protocol/require-blob.js';
import { findProblem, judgeBlob, refusalOf } from '../protocol/verdict.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import { releaseStaleLease } from '../protocol/release-lease.js';
import { SEAL_RULE, sealUnleased, type Seal, type SealMode } from '../protocol/seal.js';
import { Session } from '../session/session.js';
import { defaultStateFolder } from '../state/user-folders.js';
import { readSealRecord, restoreSealRecord } from '../state/seal-record.js';
import { FLAG, TEXT, checkOptions, type OptionRules } from '../option-rules.js';
import type { SessionOptions } from '../session/options.js';
import { MANAGE_RULES, type ManageOptions } from './blob-status.js';
import { option } from '../option-names.js';

/** How to seal a blob. */
export interface SealOptions extends ManageOptions {
  /** Default: an infinite lease. */
  readonly seal?: SealMode | undefined;
}

const SEAL_RULES: OptionRules<SealOptions, keyof SessionOptions> = { ...MANAGE_RULES, seal: SEAL_RULE };

/** A sealed blob. */
export interface SealResult {
  /** URI of the blob, without a SAS. */
  readonly blob: string;
  readonly seal: Seal;
  readonly warnings: readonly Warning[];
}

/** Keeps a finished blob from changing. Throws `seal-refused` for an unfinished one, and if the service has no such seal. */
export async function sealBlob(uri: string, options: SealOptions = {}): Promise<SealResult> {
  const session = new Session(options);
  checkOptions(options, SEAL_RULES);
  const stateFolder = options.stateFolder ?? defaultStateFolder();
  const { blob, properties: seen } = await sealable(session, uri);
  await releaseStaleLease({ blob, stateFolder }, seen);
  const properties = await requireBlob(blob);
  const problem = findProblem(judgeBlob(properties), 'unfinished-push', 'unfinished-elsewhere', 'copy-pending');
  if (problem)
    throw new VhdupError('seal-refused', `${blob.uri}: ${refusalOf(problem)}, so there is nothing to keep as it is`, {
      hint: 'finish it first: run the same push again',
    });
  const seal = await sealUnleased({ session, blob, stateFolder }, properties, options.seal ?? { kind: 'lease' });
  return { blob: blob.uri, seal, warnings: session.warnings };
}

/** How to remove a seal. */
export interface UnsealOptions extends ManageOptions {
  /** The id of the seal. Default: the one that this machine has recorded. */
  readonly leaseId?: string | undefined;
  /** Ends the lease without its id. */
  readonly break?: boolean | undefined;
}

const UNSEAL_RULES: OptionRules<UnsealOptions, keyof SessionOptions> = {
  ...MANAGE_RULES,
  leaseId: TEXT,
  break: FLAG,
};

/** What became of a seal. */
export interface UnsealResult {
  /** URI of the blob, without a SAS. */
  readonly blob: string;
  readonly outcome: 'unsealed' | 'broken' | 'not-sealed';
  /** What still keeps the blob from changing, in words. */
  readonly protection: string | undefined;
  readonly warnings: readonly Warning[];
}

/** Ends the infinite lease of a blob. Throws `seal-refused` if its id is not known. Other protection stays. */
export async function unsealBlob(uri: string, options: UnsealOptions = {}): Promise<UnsealResult> {
  const session = new Session(options);
  checkOptions(options, UNSEAL_RULES);
  const stateFolder = options.stateFolder ?? defaultStateFolder();
  const { blob, properties } = await sealable(session, uri);
  const record = await readSealRecord(stateFolder, blob.uri);
  // Removes only the record of this seal: another process may be sealing the blob again.
  const forget = async () => {
    if (record) await restoreSealRecord(stateFolder, record, undefined);
  };
  if (!properties.lease.infinite) {
    await forget();
    return { blob: blob.uri, outcome: 'not-sealed', protection: properties.protection, warnings: session.warnings };
  }
  if (options.break) await breakLease(blob);
  else await release(blob, options.leaseId ?? record?.leaseId);
  await forget();
  return {
    blob: blob.uri,
    outcome: options.break ? 'broken' : 'unsealed',
    protection: (await requireBlob(blob)).protection,
    warnings: session.warnings,
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
      hint: `give the id that the seal printed with ${option('leaseId')}, or end the lease without it: ${option('break')}`,
    });
}

async function sealable(session: Session, uri: string): Promise<{ blob: PageBlob; properties: BlobProperties }> {
  const location = parseBlobUri(uri);
  if (location.snapshot !== undefined || location.versionId !== undefined)
    throw new VhdupError('usage', 'a snapshot or a version needs no seal: it cannot be written to');
  const blob = await session.blob(location);
  return { blob, properties: await requireBlob(blob) };
}
