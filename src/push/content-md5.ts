import { totalLength } from '../bytes/range.js';
import { option } from '../option-names.js';
import type { Destination } from '../destination/destination.js';
import type { Disk } from '../disk/disk.js';
import type { PushPlan } from '../plan/push-plan.js';
import type { AncestorBase, LeavesBase } from './base.js';
import type { PreparedPush } from './context.js';
import type { DestinationState } from './destination-state.js';
import type { ContentMd5Mode, PushOptions } from './options.js';

/** If at least this part of the disk is sent, hashing all of it takes no longer than sending. */
const MIN_SENT_SHARE = 1 / 8;
/** Hashing up to this many bytes takes about a second, whatever is sent. */
const MAX_QUICK_BYTES = 512 * 1024 ** 2;

/** The parts of a push that decide about Content-MD5. */
export interface Md5Decision {
  readonly plan: Pick<PushPlan, 'write'>;
  readonly base: Pick<AncestorBase, 'check' | 'layer'> | Pick<LeavesBase, 'check'> | undefined;
  readonly found: DestinationState;
}

/** The parts of a push that the decision is for. */
interface Md5Context {
  readonly disk: Pick<Disk, 'size' | 'layers' | 'openedFiles'>;
  readonly options: Pick<PushOptions, 'contentMd5'>;
  readonly destination: Pick<Destination, 'can'>;
}

/**
 * Returns true if this push leaves out Content-MD5. With `auto` a resumed push does as its record says, also if another version
 * began it. Any other push decides by its plan alone: the same disk with the same options gets the same answer.
 */
export function omitsContentMd5(context: Md5Context, { plan, base, found }: Md5Decision): boolean {
  const { destination, options, disk } = context;
  if (!destination.can.contentMd5) return true;
  const mode = options.contentMd5 ?? 'auto';
  if (mode !== 'auto') return mode === 'never';
  if (found.kind === 'resumable') return found.record.contentMd5Omitted === true;
  return (
    !setsContentMd5(disk, options) && bytesToSend(disk, base, totalLength(plan.write)) < disk.size * MIN_SENT_SHARE
  );
}

/**
 * Returns how many bytes are to be sent. A fixed layer has no allocation map, so its plan counts holes too: then it is no more than
 * the file system stores for the files.
 */
function bytesToSend({ layers, openedFiles }: Md5Context['disk'], base: Md5Decision['base'], planned: number): number {
  if (base?.check === 'leaves' || !layers.slice(0, base?.layer).some(({ type }) => type === 'fixed')) return planned;
  return Math.min(
    planned,
    openedFiles.reduce((sum, { allocated }) => sum + allocated, 0),
  );
}

/** Returns true if a push of this disk sets Content-MD5 whatever its plan is, unless it resumes another one. */
export function setsContentMd5(
  { size }: Pick<Disk, 'size'>,
  { contentMd5: mode = 'auto' }: Pick<PushOptions, 'contentMd5'>,
): boolean {
  return mode === 'always' || (mode === 'auto' && size <= MAX_QUICK_BYTES);
}

/** Why a push left out Content-MD5: `auto` decided so, or the option says `never`. */
export type ContentMd5Omission = Exclude<ContentMd5Mode, 'always'>;

/** Returns the member of results that says that a push leaves out Content-MD5. */
export function contentMd5Omission({ identity, options }: Pick<PreparedPush, 'identity' | 'options'>): {
  readonly contentMd5Omitted?: ContentMd5Omission;
} {
  if (!identity.contentMd5Omitted) return {};
  return { contentMd5Omitted: options.contentMd5 === 'never' ? 'never' : 'auto' };
}

/** Says in a note that `auto` leaves out Content-MD5. */
export function noteOmittedMd5(push: PreparedPush): void {
  if (contentMd5Omission(push).contentMd5Omitted !== 'auto') return;
  const reason =
    push.found.kind === 'resumable'
      ? ', as by the run that began this push'
      : ': so little of the disk is sent that computing it would take longer';
  push.session.note(`Content-MD5 is left out${reason}; ${option('contentMd5', 'always')} sets it`);
}
