import { formatSize } from '../bytes/format-size.js';
import { randomUUID } from 'node:crypto';
import { VhdupError, type Warning } from '../errors.js';
import { abortCopy } from '../azure/copy.js';
import { baseLocationOf, parseBlobUri } from '../azure/location.js';
import { leafListOf } from '../protocol/leaf-list.js';
import type { PushRecord } from '../protocol/push-record.js';
import { requireBlob } from '../protocol/require-blob.js';
import { findProblem, findingOf, judgeBlob } from '../protocol/verdict.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { Conditions } from '../azure/conditions.js';
import { failureOf } from '../azure/service-error.js';
import { acquireLease } from '../protocol/acquire-lease.js';
import { releaseLease } from '../protocol/release-lease.js';
import { dropCopySource } from '../protocol/copy-source.js';
import { deleteLeafList } from '../protocol/write-leaf-list.js';
import { describeHolder } from '../protocol/holder.js';
import { Session } from '../session/session.js';
import { defaultStateFolder } from '../state/user-folders.js';
import { CALLBACK, checkOptions, type OptionRules } from '../option-rules.js';
import type { SessionOptions } from '../session/options.js';
import { MANAGE_RULES, type ManageOptions } from './blob-status.js';
import { call } from '../option-names.js';

/** How to abort a push. */
export interface AbortOptions extends ManageOptions {
  /** Called before anything is changed, with what would be deleted, in words. False ends the work. Default: delete. */
  readonly confirm?: ((what: string) => Promise<boolean>) | undefined;
}

const ABORT_RULES: OptionRules<AbortOptions, keyof SessionOptions> = { ...MANAGE_RULES, confirm: CALLBACK };

/** What was deleted. */
export interface AbortResult {
  /** URI of the blob, without a SAS. */
  readonly blob: string;
  readonly outcome: 'deleted';
  /** The state in which the push was. */
  readonly state: PushRecord['state'];
  /** Bytes of the blob, the footer included. */
  readonly blobSize: number;
  readonly warnings: readonly Warning[];
}

/**
 * Deletes the destination of a push that was begun and not finished, under the lease and the ETag that it was seen with: a push
 * that is completed meanwhile stays. Throws `destination-exists` for any other blob, `destination-busy` if a running process
 * holds its lease, `destination-missing` if there is no blob, `cancelled` if `confirm` returns false.
 */
export async function abortPush(uri: string, options: AbortOptions = {}): Promise<AbortResult> {
  const session = new Session(options);
  checkOptions(options, ABORT_RULES);
  const location = parseBlobUri(uri);
  if (location.snapshot !== undefined || location.versionId !== undefined)
    throw new VhdupError('usage', 'abort takes a blob, not a snapshot or a version of one');
  const blob = await session.blob(location);
  const stateFolder = options.stateFolder ?? defaultStateFolder();

  const first = await unfinished(blob);
  const holder = describeHolder(first.record.holder);
  const what = `${blob.uri}, an unfinished push (${first.record.state}) of ${formatSize(first.properties.size)}${holder === undefined ? '' : `, last written to by ${holder}`}`;
  if (options.confirm && !(await options.confirm(what))) throw new VhdupError('cancelled', 'nothing was deleted');

  const { copy } = first.properties;
  if (copy?.status === 'pending') await abortCopy(blob, copy.id);
  const context = { session, blob, stateFolder };
  const lease = await acquireLease(context, { root: randomUUID(), recordedRoot: undefined });
  try {
    // Nobody else writes to it from here on; it may have been finished or replaced before.
    const { record, properties } = await unfinished(blob);
    if (record.fingerprint !== first.record.fingerprint)
      throw new VhdupError('destination-busy', `${blob.uri}: it was replaced meanwhile, by another push`);
    await dropSnapshots(session, blob, record);
    // First, because afterwards nothing would lead to it.
    await deleteLeafList(leafListOf(session, blob));
    await deleteAsSeen(blob, { ...lease.conditions, ifMatch: properties.etag });
    return {
      blob: blob.uri,
      outcome: 'deleted',
      state: record.state,
      blobSize: properties.size,
      warnings: session.warnings,
    };
  } finally {
    await releaseLease(context, lease);
  }
}

/** Returns the blob if it is an unfinished push, and throws otherwise. */
async function unfinished(blob: PageBlob): Promise<{ record: PushRecord; properties: BlobProperties }> {
  const properties = await requireBlob(blob, 'nothing has to be aborted; check the name');
  const verdict = judgeBlob(properties);
  const push = findProblem(verdict, 'unfinished-push');
  if (push) return { record: push.record, properties };
  const other = findProblem(verdict, 'unfinished-elsewhere');
  const what = verdict.record ? 'a finished push' : other ? findingOf(other) : 'no push of vhdup';
  throw new VhdupError('destination-exists', `${blob.uri}: it is ${what}, and was not deleted`, {
    hint: `abort deletes only what ${call('push')} has begun and not finished`,
  });
}

/** Deletes the blob under the conditions. Throws `destination-busy` if it was written to since. */
async function deleteAsSeen(blob: PageBlob, conditions: Conditions): Promise<void> {
  try {
    await blob.delete(conditions);
  } catch (error) {
    if (!(error instanceof VhdupError) || failureOf(error.cause).code !== 'ConditionNotMet') throw error;
    throw new VhdupError('destination-busy', `${blob.uri}: it was written to meanwhile, and was not deleted`, {
      cause: error,
      hint: `${call('blobStatus')} shows what it is now`,
    });
  }
}

/** Deletes what a push left at its base on an emulator. Anyone may have written the metadata, so it is followed on the same server only. */
async function dropSnapshots(session: Session, blob: PageBlob, { base, fingerprint }: PushRecord): Promise<void> {
  if (!base) return;
  try {
    const location = baseLocationOf(base.uri, blob.location);
    if (location.endpoint !== blob.location.endpoint) return;
    const source = await session.blob(location);
    const properties = await source.properties();
    if (properties) await dropCopySource(session, { blob: source, properties }, fingerprint);
  } catch (error) {
    if (!(error instanceof VhdupError) || !['usage', 'not-authorised', 'destination-missing'].includes(error.code))
      throw error;
    session.warn({
      code: 'base-not-checked',
      message: `the base cannot be read, and keeps any temporary snapshot: ${error.message}`,
    });
  }
}
