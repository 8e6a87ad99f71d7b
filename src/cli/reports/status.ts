import type { BlobStatus, LeaseStatus } from '../../manage/blob-status.js';
import { table } from '../output.js';
import { size } from '../units.js';

const STATES: Readonly<Record<BlobStatus['state'], string>> = {
  none: 'none: it says nothing of a push',
  clearing: 'clearing: not finished; parts of the base may still stand where the disk differs',
  writing: 'writing: not finished; every page that is there is right',
  complete: 'complete',
  'unfinished-elsewhere': 'an unfinished upload of another tool, or of another version of this one',
};

/** Returns the state of a blob for people. */
export function statusLines({
  uri,
  exists,
  state,
  writtenSince,
  push,
  size: bytes,
  allocated,
  copy,
  lease,
  protection,
}: BlobStatus): string[] {
  if (!exists) return [`${uri}: there is no such blob`];
  const isUnfinished = state === 'clearing' || state === 'writing';
  return [
    uri,
    ...table([
      [
        'push',
        `${STATES[state]}${writtenSince === undefined ? '' : `, but written to afterwards, last at ${writtenSince}`}`,
      ],
      push?.id === undefined ? undefined : ['disk', push.id],
      push?.base && ['over', `${push.base.uri} (${push.base.id})`],
      bytes === undefined ? undefined : ['blob size', `${size(bytes)} (${bytes} bytes)`],
      allocated === undefined ? undefined : ['in pages', size(allocated)],
      copy && copy.status !== 'success' ? ['copy', copyText(copy)] : undefined,
      lease && ['lease', leaseText(lease)],
      protection === undefined ? undefined : ['protected by', protection],
      isUnfinished ? ['to write', 'known only with the disk: vhdup push … --dry-run tells'] : undefined,
    ]),
  ];
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
  if (infinite) return `without end${isSealedFromHere ? ', sealed from this machine' : ''}`;
  if (!holder) return 'held, and nobody says by whom';
  const alive =
    holder.isAlive === undefined
      ? ''
      : holder.isAlive
        ? ', which runs'
        : ', which is gone: the next push takes the lease over';
  return `held by ${holder.host}, process ${holder.pid}${holder.isThisMachine ? ' on this machine' : ''}${alive}`;
}
