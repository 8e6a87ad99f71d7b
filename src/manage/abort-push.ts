import { randomUUID } from 'node:crypto';
import { VhdupError } from '../errors.js';
import { abortCopy } from '../azure/copy.js';
import { baseLocationOf, parseBlobUri } from '../azure/location.js';
import { isUnfinishedElsewhere, stateOf, type PushState } from '../protocol/push-record.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { Conditions } from '../azure/conditions.js';
import type { PageBlob } from '../azure/page-blob.js';
import { failureOf } from '../azure/service-error.js';
import { hold, letGo } from '../protocol/hold-lease.js';
import { dropCopySource } from '../protocol/copy-source.js';
import { holderInWords } from '../protocol/holder.js';
import { Session } from '../session/session.js';
import { defaultStateFolder } from '../state/user-folders.js';
import type { ManageOptions } from './blob-status.js';

export interface AbortOptions extends ManageOptions {
  /** Asked before anything is changed, with what would be deleted in words; default: yes. */
  readonly confirm?: ((what: string) => Promise<boolean>) | undefined;
}

/** What was deleted. */
export interface AbortResult {
  readonly uri: string;
  readonly outcome: 'deleted';
  /** How far the push was. */
  readonly state: PushState['state'];
  /** Bytes of the blob. */
  readonly size: number;
  readonly warnings: readonly string[];
}

/**
 * Deletes the destination of a push that was begun and not finished, and nothing else: throws `destination-exists` for
 * any other blob, `destination-busy` where somebody alive holds its lease, `destination-missing` where nothing is there.
 * It deletes under the lease and the ETag of what it has looked at, so a push that ends meanwhile is left alone.
 */
export async function abortPush(uri: string, options: AbortOptions = {}): Promise<AbortResult> {
  const session = new Session(options);
  const location = parseBlobUri(uri);
  if (location.snapshot !== undefined || location.versionId !== undefined)
    throw new VhdupError('usage', 'abort takes a blob, not a snapshot or a version of one');
  const blob = await session.blob(location);
  const stateFolder = options.stateFolder ?? defaultStateFolder();

  const first = await unfinished(blob);
  const holder = holderInWords(first.state.holder);
  const what = `${blob.uri}, an unfinished push (${first.state.state}) of ${first.properties.size} bytes${holder === undefined ? '' : `, last written to by ${holder}`}`;
  if (options.confirm && !(await options.confirm(what))) throw new VhdupError('cancelled', 'nothing was deleted');

  const { copy } = first.properties;
  if (copy?.status === 'pending') await abortCopy(blob, copy.id);
  const lease = await hold(session, blob, stateFolder, { root: randomUUID(), noted: undefined });
  try {
    // Only now nobody else writes to it; it may have been finished or replaced before.
    const { state, properties } = await unfinished(blob);
    if (state.fingerprint !== first.state.fingerprint)
      throw new VhdupError('destination-busy', `${blob.uri}: it was replaced meanwhile, by another push`);
    await dropSnapshots(session, blob, state);
    await deleteAsSeen(blob, { ...lease.conditions, ifMatch: properties.etag });
    return { uri: blob.uri, outcome: 'deleted', state: state.state, size: properties.size, warnings: session.warnings };
  } finally {
    await letGo(lease, blob, stateFolder);
  }
}

async function unfinished(blob: PageBlob): Promise<{ state: PushState; properties: BlobProperties }> {
  const properties = await blob.properties();
  if (!properties)
    throw new VhdupError('destination-missing', `${blob.uri}: there is no such blob`, {
      hint: 'nothing has to be aborted; check the name',
    });
  const { metadata, contentMd5 } = properties;
  const state = stateOf(metadata);
  if (state && state.state !== 'complete') return { state, properties };
  const what = state
    ? 'a finished push'
    : isUnfinishedElsewhere(metadata, contentMd5 !== undefined)
      ? 'an unfinished upload of another tool'
      : 'no push of vhdup';
  throw new VhdupError('destination-exists', `${blob.uri}: it is ${what}, and is left alone`, {
    hint: 'abort deletes only what vhdup push has begun and not finished',
  });
}

async function deleteAsSeen(blob: PageBlob, conditions: Conditions): Promise<void> {
  try {
    await blob.delete(conditions);
  } catch (error) {
    if (!(error instanceof VhdupError) || failureOf(error.cause).code !== 'ConditionNotMet') throw error;
    throw new VhdupError('destination-busy', `${blob.uri}: it was written to meanwhile, and is left alone`, {
      cause: error,
      hint: 'vhdup status shows what it is now',
    });
  }
}

/** What a push left at its base on an emulator. The metadata is somebody's text: it is followed on the same server only. */
async function dropSnapshots(session: Session, blob: PageBlob, { base, fingerprint }: PushState): Promise<void> {
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
    session.warn(`the base could not be looked at, and keeps any temporary snapshot: ${error.message}`);
  }
}
