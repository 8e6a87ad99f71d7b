import type { BlobProperties } from '../azure/blob-properties.js';
import type { FixedTail } from './fixed-vhd.js';
import { hasUnknownPushRecord, isWrittenSince, parsePushRecord, type PushRecord } from './push-record.js';

/** One reason why a blob is not a finished disk. */
export type BlobProblem =
  | { readonly kind: 'missing' }
  | { readonly kind: 'not-a-page-blob'; readonly type: string | undefined }
  /** `reason`: what is wrong with its footer. */
  | { readonly kind: 'not-a-vhd'; readonly reason: string }
  /** The service is still copying another blob to it. */
  | { readonly kind: 'copy-pending' }
  | { readonly kind: 'unfinished-push'; readonly record: PushRecord }
  /** A push was completed, and the blob was written to later. */
  | { readonly kind: 'written-since'; readonly lastModified: Date }
  /** By another tool, or another version of this one. */
  | { readonly kind: 'unfinished-elsewhere' };

/** The properties by which a blob is judged. A listing of its container has them too. */
export type JudgedProperties = Pick<BlobProperties, 'type' | 'lastModified' | 'metadata' | 'contentMd5'> & {
  readonly copy: Pick<NonNullable<BlobProperties['copy']>, 'status'> | undefined;
};

/** What a blob is, as its properties, its metadata and its footer say. All commands use this one verdict. */
export interface Verdict {
  /** `finished`, or the first of the problems. A blob without any sign of an upload counts as finished. */
  readonly state: 'finished' | BlobProblem['kind'];
  /** All problems, in the order of `BlobProblem`. */
  readonly problems: readonly BlobProblem[];
  readonly record: PushRecord | undefined;
}

/**
 * Judges a blob by its properties; `undefined` if there is none. `footer`: its parsed footer, or what is wrong with it; if absent,
 * the footer is not judged.
 */
export function judgeBlob(properties: JudgedProperties | undefined, footer?: FixedTail | string): Verdict {
  if (!properties) return { state: 'missing', problems: [{ kind: 'missing' }], record: undefined };
  const record = parsePushRecord(properties.metadata);
  const problems = [...problemsOf(properties, record, footer)];
  return { state: problems[0]?.kind ?? 'finished', problems, record };
}

function* problemsOf(
  { type, copy, lastModified, metadata, contentMd5 }: JudgedProperties,
  record: PushRecord | undefined,
  footer: FixedTail | string | undefined,
): Generator<BlobProblem> {
  if (type !== 'PageBlob') yield { kind: 'not-a-page-blob', type };
  if (typeof footer === 'string') yield { kind: 'not-a-vhd', reason: footer };
  if (copy?.status === 'pending') yield { kind: 'copy-pending' };
  if (record && record.state !== 'complete') yield { kind: 'unfinished-push', record };
  // While another blob is copied to it, a finished record is that of the copy's source.
  if (record && copy?.status !== 'pending' && isWrittenSince(record, lastModified))
    yield { kind: 'written-since', lastModified };
  if (hasUnknownPushRecord(metadata) || (!contentMd5 && hasUploadMarks(metadata)))
    yield { kind: 'unfinished-elsewhere' };
}

/**
 * Returns true for the metadata of uploaders that set Content-MD5 last: Add-AzVhd keeps `localmetadata` until then,
 * azure-vhd-utils never removes `diskmetadata`.
 */
function hasUploadMarks(metadata: BlobProperties['metadata']): boolean {
  return Object.keys(metadata).some((key) => ['localmetadata', 'diskmetadata'].includes(key.toLowerCase()));
}

/** Returns the problem of the first of these kinds that the blob has; `undefined` if it has none of them. */
export function findProblem<K extends BlobProblem['kind']>(
  { problems }: Verdict,
  ...kinds: readonly K[]
): Extract<BlobProblem, { kind: K }> | undefined {
  for (const kind of kinds) {
    const problem = problems.find(
      (candidate): candidate is Extract<BlobProblem, { kind: K }> => candidate.kind === kind,
    );
    if (problem) return problem;
  }
  return undefined;
}

/** How far the push to a blob is; `none`: no push is known. */
export type PushState = 'none' | PushRecord['state'] | 'written-since' | 'unfinished-elsewhere';

/**
 * Returns how far the push to a blob is. While another blob is copied to it, it has the metadata of the copy's source: a record in
 * state `complete` is then the source's.
 */
export function pushStateOf(verdict: Verdict): PushState {
  const { record } = verdict;
  const isOfSource = record?.state === 'complete' && findProblem(verdict, 'copy-pending') !== undefined;
  if (record && !isOfSource) return findProblem(verdict, 'written-since') ? 'written-since' : record.state;
  return isOfSource || findProblem(verdict, 'unfinished-elsewhere') ? 'unfinished-elsewhere' : 'none';
}

/** Returns a problem as a reason to refuse a blob, to be put after its URI: `it is …`. */
export function refusalOf(problem: BlobProblem): string {
  switch (problem.kind) {
    case 'missing':
      return 'there is no such blob';
    case 'not-a-page-blob':
      return `it is a ${problem.type ?? 'blob of unknown type'}, not a page blob`;
    case 'not-a-vhd':
      return `it is not a fixed VHD: ${problem.reason}`;
    case 'copy-pending':
      return 'it is still being copied to';
    case 'unfinished-push':
      return `it is an unfinished push (${problem.record.state})`;
    case 'written-since':
      return `it was written to after it was completed, last at ${problem.lastModified.toISOString()}: its digests no longer prove anything`;
    case 'unfinished-elsewhere':
      return 'another tool has not finished its upload';
  }
}

/** Returns a problem as an item of a list of findings about a blob. */
export function findingOf(problem: BlobProblem): string {
  switch (problem.kind) {
    case 'not-a-vhd':
      return `not a fixed VHD: ${problem.reason}`;
    case 'unfinished-push':
      return `an unfinished push (${problem.record.state}): run the same push again to resume it`;
    case 'written-since':
      return `written to after the push was completed, last at ${problem.lastModified.toISOString()}: its digests no longer prove anything`;
    case 'unfinished-elsewhere':
      return 'an unfinished upload of another tool';
    case 'missing':
    case 'not-a-page-blob':
    case 'copy-pending':
      return refusalOf(problem);
  }
}
