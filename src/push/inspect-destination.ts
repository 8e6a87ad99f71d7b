import { VhdupError } from '../errors.js';
import type { DiskDigests } from '../content/disk-digests.js';
import type { Destination, DestinationSnapshot } from '../destination/destination.js';
import type { FixedStream } from '../protocol/fixed-vhd.js';
import { describeHolder } from '../protocol/holder.js';
import { recordedTree, type PushIdentity } from '../protocol/push-record.js';
import { findProblem, findingOf, type Verdict } from '../protocol/verdict.js';
import type { DestinationState, Replaceable, Resumable } from './destination-state.js';
import { option } from '../option-names.js';

/** The push that is expected at the destination. */
export interface ExpectedPush {
  readonly destination: Destination;
  readonly identity: PushIdentity;
  readonly stream: FixedStream;
  readonly digests: DiskDigests;
}

/**
 * Returns what the destination is to this push. Throws `destination-exists` if something else is there, and `overwrite` is
 * false.
 */
export async function inspectDestination(expected: ExpectedPush, overwrite: boolean): Promise<DestinationState> {
  const { destination, identity } = expected;
  const seen = await destination.inspect();
  if (!seen) return { kind: 'replaceable', ifMatch: undefined, replaces: undefined };
  const { record } = seen.verdict;
  if (record?.fingerprint === identity.fingerprint && record.state !== 'complete')
    return unlessCopyFailed({ kind: 'resumable', record, seen });
  if (await isComplete(expected, seen)) return { kind: 'complete', seen };
  if (overwrite) return replaceable(seen);
  throw new VhdupError('destination-exists', `${destination.uri}: ${describe(seen.verdict)}`, {
    hint: `choose another name, or replace it with ${option('overwrite')}`,
  });
}

/** A copy that failed or was aborted left nothing to go on with: it is made again. */
function unlessCopyFailed(found: Resumable): DestinationState {
  const { record, seen } = found;
  return record.state === 'clearing' && seen.copy === 'failed' ? replaceable(seen) : found;
}

function replaceable(seen: DestinationSnapshot): Replaceable {
  return { kind: 'replaceable', ifMatch: seen.etag, replaces: seen };
}

/** Returns true if the destination has the same content, finished. Its pages are not read. */
async function isComplete(
  { destination, identity, stream, digests }: ExpectedPush,
  seen: DestinationSnapshot,
): Promise<boolean> {
  const { contentMd5, size, verdict } = seen;
  if (findProblem(verdict, 'not-a-page-blob', 'copy-pending', 'unfinished-push', 'written-since')) return false;
  const { record } = verdict;
  const tree = recordedTree(record, contentMd5);
  if ((!tree && contentMd5 === undefined) || size !== stream.size) return false;
  if (record?.fingerprint === identity.fingerprint && record.times === identity.times) return true;
  // Without the footer it was changed or deleted meanwhile, so it is not complete.
  if (!(await destination.readFooter(seen))?.equals(stream.footer)) return false;
  const ours = await digests.of(0, tree ? { tree: true } : { md5: stream }, 'compare-destination');
  return tree && ours.tree ? tree.equals(ours.tree) : ours.md5 !== undefined && contentMd5?.equals(ours.md5) === true;
}

/** Returns what is in the way, in words. */
function describe(verdict: Verdict): string {
  const problem = findProblem(verdict, 'unfinished-push', 'written-since', 'unfinished-elsewhere', 'copy-pending');
  switch (problem?.kind) {
    case 'unfinished-push': {
      const holder = describeHolder(problem.record.holder);
      return `an unfinished push is there, and not this one: its disk, its base or its ${option('gap')} is another, or one of them changed, or an earlier version began it${holder === undefined ? '' : `; its writer is ${holder}`}`;
    }
    case 'written-since':
      return `a blob is there that was ${findingOf(problem)}`;
    case 'unfinished-elsewhere':
      return `${findingOf(problem)} is there`;
    case 'copy-pending':
      return 'another blob is being copied there';
    case undefined:
      return 'another blob is there';
  }
}
