import type { Warning } from '../errors.js';
import { parseBlobUri } from '../azure/location.js';
import { leafListState, type LeafListState } from '../protocol/leaf-list-state.js';
import { recordedTree, type PushRecord } from '../protocol/push-record.js';
import { readFooter } from '../protocol/read-footer.js';
import { requireSource } from '../protocol/require-blob.js';
import { findingOf, judgeBlob, pushStateOf, type BlobProblem, type PushState } from '../protocol/verdict.js';
import { FOOTER_LENGTH, parseFixedTail } from '../protocol/fixed-vhd.js';
import { rangeSet, totalLength } from '../bytes/range.js';
import type { SessionOptions } from '../session/options.js';
import { Session } from '../session/session.js';

/** What a blob is, seen as a disk. */
export interface BlobReport {
  /** URI of the blob, without a SAS. */
  readonly blob: string;
  readonly type: string | undefined;
  /** Bytes of the blob, the footer included. */
  readonly blobSize: number;
  /** Bytes in written pages; `undefined` if it is not a page blob. */
  readonly allocated: number | undefined;
  readonly id: string | undefined;
  /** Virtual size in bytes, as the footer has it; `undefined` if there is no footer. */
  readonly virtualSize: number | undefined;
  /** Base64. */
  readonly contentMd5: string | undefined;
  /** Without quotes. */
  readonly etag: string;
  /** How far the push is, as `blobStatus` has it. */
  readonly state: PushState;
  /** What the last push has recorded. */
  readonly push: PushRecord | undefined;
  readonly protection: string | undefined;
  /** The list of leaves of a page blob. */
  readonly leafList?: LeafListState;
  /** What is wrong with it as a disk or as a base. */
  readonly problems: readonly string[];
  readonly warnings: readonly Warning[];
}

/** Returns the properties of a blob, from the service and its footer. Throws `disk-unreadable` if there is none. */
export async function inspectBlob(uri: string, options: SessionOptions = {}): Promise<BlobReport> {
  const session = new Session(options);
  const blob = await session.blob(parseBlobUri(uri));
  const properties = await requireSource(blob);
  const { type, size, etag, contentMd5, protection } = properties;
  const tail =
    size >= FOOTER_LENGTH ? parseFixedTail(await readFooter(blob, properties)) : 'the blob is too small for a footer';
  const verdict = judgeBlob(properties, tail);
  const push = verdict.record;
  const problems = [
    ...verdict.problems.filter(isOfShape).map(findingOf),
    ...(typeof tail === 'object' && tail.id === undefined ? ['the unique id is all zeros: it cannot be a base'] : []),
    ...(contentMd5 || recordedTree(push, contentMd5)
      ? []
      : ['no Content-MD5: as a base its content cannot be checked']),
    ...verdict.problems.filter((problem) => !isOfShape(problem)).map(findingOf),
  ];
  return {
    blob: blob.uri,
    type,
    blobSize: size,
    allocated: type === 'PageBlob' ? totalLength(rangeSet(await blob.pageRanges({ ifMatch: etag }))) : undefined,
    id: typeof tail === 'string' ? undefined : tail.id,
    virtualSize: typeof tail === 'string' ? undefined : tail.size,
    contentMd5: contentMd5?.toString('base64'),
    etag: etag.replaceAll('"', ''),
    state: pushStateOf(verdict),
    push,
    protection,
    ...(type === 'PageBlob' ? { leafList: await leafListState(session, blob, properties, verdict) } : {}),
    problems,
    warnings: session.warnings,
  };
}

/** Returns true for a problem of what the blob is, false for one of how far it is. */
function isOfShape({ kind }: BlobProblem): boolean {
  return kind === 'not-a-page-blob' || kind === 'not-a-vhd';
}
