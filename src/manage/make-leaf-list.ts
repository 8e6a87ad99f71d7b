import { VhdupError, type Warning } from '../errors.js';
import { parseBlobUri } from '../azure/location.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { LeafSource } from '../content/digest-computation.js';
import { FOOTER_LENGTH, parseFixedTail } from '../protocol/fixed-vhd.js';
import { LeafList, UnusableLeafList, damageOf, leafListOf, leafListProblem } from '../protocol/leaf-list.js';
import { recordedTree } from '../protocol/push-record.js';
import { readFooter } from '../protocol/read-footer.js';
import { readLeaves } from '../protocol/read-leaves.js';
import { requireSource } from '../protocol/require-blob.js';
import { findProblem, judgeBlob, refusalOf, type Verdict } from '../protocol/verdict.js';
import { writeLeafList } from '../protocol/write-leaf-list.js';
import type { SessionOptions } from '../session/options.js';
import { Session, type Pace } from '../session/session.js';
import { call } from '../option-names.js';

/** A list of leaves that was made. Amounts are bytes. */
export interface LeafListResult extends Pace {
  /** URI of the blob, without a SAS. */
  readonly blob: string;
  /** URI of its list of leaves. */
  readonly leafList: string;
  /** `already-there`: a list is there that holds for the blob; the blob was not read. */
  readonly outcome: 'made' | 'already-there';
  /** The tree digest of the blob's content, in hexadecimal. */
  readonly tree: string;
  /** Bytes of the list. */
  readonly listBytes: number;
  /** What the content was compared with; absent if the blob has no digest, or if nothing was read. */
  readonly checkedBy?: 'tree' | 'md5';
  readonly warnings: readonly Warning[];
}

/**
 * Makes the list of leaves of a blob that has none: reads the blob once, and compares its content with the tree digest or the
 * Content-MD5 that it has. Throws `blob-unfinished` for a blob that is no finished disk, `content-differs` if its content is not that
 * of its digest, `source-changed` if it is changed meanwhile.
 */
export async function makeLeafList(uri: string, options: SessionOptions = {}): Promise<LeafListResult> {
  await using session = new Session(options);
  const location = parseBlobUri(uri);
  if (location.snapshot !== undefined || location.versionId !== undefined)
    throw new VhdupError('usage', 'the list of leaves belongs to a blob, not to a snapshot or a version of one');
  const blob = await session.blob(location);
  const properties = await requireSource(blob);
  const verdict = judgeBlob(properties);
  requireFinished(blob, verdict);
  const list = leafListOf(session, blob);
  const there = await listThatHolds(session, blob, { properties, verdict });
  const result = { blob: blob.uri, leafList: list.uri, warnings: session.warnings };
  if (there)
    return {
      ...result,
      outcome: 'already-there',
      tree: Buffer.from(there.header.tree).toString('hex'),
      listBytes: there.storedBytes,
      ...session.paceOf(0),
    };
  const { tree, leaves, checkedBy } = await readChecked(session, blob, { properties, verdict });
  const disk = {
    size: properties.size - FOOTER_LENGTH,
    tree,
    name: location.name,
    etag: properties.etag.replaceAll('"', ''),
  };
  const written = await writeLeafList(session, list, { leaves, disk });
  return {
    ...result,
    outcome: 'made',
    tree: tree.toString('hex'),
    listBytes: written.bytes,
    ...(checkedBy ? { checkedBy } : {}),
    ...session.paceOf(disk.size),
  };
}

/** Throws `blob-unfinished` for a blob whose content may still change. */
function requireFinished(blob: PageBlob, verdict: Verdict): void {
  const problem = findProblem(verdict, 'not-a-page-blob', 'copy-pending', 'unfinished-push', 'unfinished-elsewhere');
  if (problem)
    throw new VhdupError('blob-unfinished', `${blob.uri}: ${refusalOf(problem)}`, {
      hint: 'only a finished page blob has a list of leaves',
    });
}

/** Returns the list of leaves that is there, if all of it is right, and it holds for the blob as it was seen. */
async function listThatHolds(
  session: Session,
  blob: PageBlob,
  { properties, verdict }: SeenBase,
): Promise<LeafList | undefined> {
  try {
    const list = await LeafList.open(leafListOf(session, blob));
    if (!list || leafListProblem(list, blob, properties, verdict) !== undefined) return undefined;
    return (await damageOf(list)) === undefined ? list : undefined;
  } catch (error) {
    if (error instanceof UnusableLeafList) return undefined;
    throw error;
  }
}

/** A blob as it was seen. */
interface SeenBase {
  readonly properties: BlobProperties;
  readonly verdict: Verdict;
}

interface CheckedLeaves {
  readonly tree: Buffer;
  readonly leaves: LeafSource;
  readonly checkedBy: 'tree' | 'md5' | undefined;
}

/** Reads the blob, and compares its content with the digest that it has: its tree digest, else its Content-MD5. */
async function readChecked(
  session: Session,
  blob: PageBlob,
  { properties, verdict }: SeenBase,
): Promise<CheckedLeaves> {
  const { contentMd5 } = properties;
  const footer = await readFooter(blob, properties);
  const tail = parseFixedTail(footer);
  if (typeof tail === 'string')
    throw new VhdupError('disk-invalid', `${blob.uri}: it is not a fixed VHD: ${tail}`, {
      hint: 'only the blob of a disk can be a base',
    });
  const isWritten = findProblem(verdict, 'written-since') !== undefined;
  const recorded = isWritten ? undefined : recordedTree(verdict.record, contentMd5);
  const checkedBy = isWritten ? undefined : recorded ? 'tree' : contentMd5 ? 'md5' : undefined;
  const { tree, md5, leaves } = await readLeaves(session, blob, properties, checkedBy === 'md5' ? footer : undefined);
  if (!tree || !leaves) throw new VhdupError('unexpected', `${blob.uri}: its leaves were not kept`);
  const isEqual =
    checkedBy === 'tree'
      ? recorded?.equals(tree)
      : checkedBy === 'md5'
        ? md5 !== undefined && contentMd5?.equals(md5) === true
        : true;
  if (!isEqual)
    throw new VhdupError(
      'content-differs',
      `${blob.uri}: its content is not that of its ${checkedBy === 'tree' ? 'tree digest' : 'Content-MD5'}; no list was made`,
      { hint: `it was changed, or was never right: compare it with its disk (${call('verify')}), and push that again` },
    );
  return { tree, leaves, checkedBy };
}
