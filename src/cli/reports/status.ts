import type { BlobStatus, LeaseStatus } from '../../manage/blob-status.js';
import type { PushState } from '../../protocol/verdict.js';
import { table } from '../output.js';
import { size } from '../units.js';
import { exactSize } from './amounts.js';
import { leafListJson, leafListRow } from './leaf-list.js';
import { imageRow, recordJson, recordedBaseRow } from './push-record.js';

/** The states of a push in words. */
export const PUSH_STATES: Readonly<Record<PushState, string>> = {
  none: 'none: the blob has no record of a push',
  clearing: 'clearing: not finished; parts of the base may still be there where the disk differs',
  writing: 'writing: not finished; every page that is there is right',
  complete: 'complete',
  'written-since': 'written to after the push was completed',
  'unfinished-elsewhere': 'an unfinished upload of another tool, or of another version of this one',
};

/** Returns the state of a blob for programs. */
export function statusJson(status: BlobStatus): object {
  return {
    blob: status.blob,
    exists: status.exists,
    state: status.state,
    writtenSince: status.writtenSince,
    push: status.push && recordJson(status.push),
    blobSize: status.blobSize,
    allocated: status.allocated,
    left: status.left,
    copy: status.copy && copyJson(status.copy),
    lease: status.lease && leaseJson(status.lease),
    leafList: status.leafList && leafListJson(status.leafList),
    protection: status.protection,
    warnings: status.warnings,
  };
}

function copyJson({ status, done, total, description }: NonNullable<BlobStatus['copy']>): object {
  return { status, done, total, description };
}

function leaseJson({ state, infinite, holder, isSealedFromHere }: LeaseStatus): object {
  return {
    state,
    infinite,
    holder: holder && {
      host: holder.host,
      pid: holder.pid,
      isThisMachine: holder.isThisMachine,
      isAlive: holder.isAlive,
    },
    isSealedFromHere,
  };
}

/** Returns the state of a blob for people. */
export function statusLines({
  blob,
  exists,
  state,
  writtenSince,
  push,
  blobSize,
  allocated,
  left,
  copy,
  lease,
  leafList,
  protection,
}: BlobStatus): string[] {
  if (!exists) return [`${blob}: there is no such blob`];
  const isUnfinished = state === 'clearing' || state === 'writing';
  return [
    blob,
    ...table([
      ['push', `${PUSH_STATES[state]}${writtenSince === undefined ? '' : `, last at ${writtenSince}`}`],
      push?.id === undefined ? undefined : ['id', push.id],
      push?.base && recordedBaseRow(push.base),
      push && imageRow(push),
      blobSize === undefined ? undefined : ['blob size', exactSize(blobSize)],
      allocated === undefined ? undefined : ['allocated', size(allocated)],
      copy && copy.status !== 'success' ? ['copy', copyText(copy)] : undefined,
      lease && ['lease', leaseText(lease)],
      leafList && leafListRow(leafList),
      protection === undefined ? undefined : ['protected by', protection],
      isUnfinished ? ['left', leftText(push, left)] : undefined,
    ]),
  ];
}

/** Returns what is left to write, as far as the blob shows. */
function leftText(push: BlobStatus['push'], left: number | undefined): string {
  if (push?.toWrite === undefined || left === undefined)
    return 'known only with the disk: vhdup push … --dry-run shows it';
  return push.base
    ? `at most ${size(left)}; vhdup push … --dry-run shows how much of it is there`
    : `about ${size(left)} of the ${size(push.toWrite)} that the push sends at most`;
}

function copyText({ status, done, total, description }: NonNullable<BlobStatus['copy']>): string {
  const progress =
    done === undefined || total === undefined
      ? ''
      : `, ${size(done)} of ${size(total)}${total > 0 ? ` (${Math.floor((done / total) * 100)} %)` : ''}`;
  return `${status}${progress}${description === undefined ? '' : `: ${description}`}`;
}

function leaseText({ state, infinite, holder, isSealedFromHere }: LeaseStatus): string {
  if (state !== 'leased') return state ?? 'unknown';
  if (infinite) return `infinite${isSealedFromHere ? ', sealed from this machine' : ''}`;
  if (!holder) return 'held; the holder is not known';
  const alive =
    holder.isAlive === undefined
      ? ''
      : holder.isAlive
        ? ', which is running'
        : ', which is gone: the next push takes the lease over';
  return `held by ${holder.host}, process ${holder.pid}${holder.isThisMachine ? ' on this machine' : ''}${alive}`;
}
