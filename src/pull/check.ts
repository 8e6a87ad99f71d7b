import { dirname } from 'node:path';
import { VhdupError } from '../errors.js';
import { localFiles } from '../disk/file.js';
import { recordedTree } from '../protocol/push-record.js';
import { findProblem } from '../protocol/verdict.js';
import { openDisk } from '../disk/open.js';
import { intersect, rangeSet, totalLength } from '../bytes/range.js';
import type { DigestRequest, Digests } from '../content/digest-computation.js';
import { flatContent } from '../content/flat-content.js';
import { digestsOf } from '../content/running-digest.js';
import type { PartFile } from './part-file.js';
import type { PullResult } from './result.js';
import { imageSize, type PullTask } from './task.js';
import { option } from '../option-names.js';

/** With more zeros than this, in bytes, the tree digest is preferred: it does not hash them. MD5 over 2,040 GiB takes an hour. */
const MAX_MD5_ZEROS = 1024 ** 3;

/**
 * Compares the finished file with a digest of the blob, and returns which: Content-MD5 over the blob's bytes, with its own footer
 * and padding, or the tree digest that a push has recorded; see `chooseDigest`. Holes of a flat file that only this pull has written
 * to are not read. Throws `content-differs`, and `disk-invalid` if a dynamic disk cannot be read.
 */
export async function checkContent(
  task: PullTask,
  part: Pick<PartFile, 'path' | 'unprovedBelow'>,
): Promise<PullResult['checked']> {
  const kind = await chooseDigest(task);
  if (kind === 'none') return kind;
  const {
    blob,
    properties: { contentMd5 },
  } = task.source;
  const found = (await digestsOfFile(task, part, kind))[kind];
  const expected = kind === 'md5' ? contentMd5 : treeDigestOf(task);
  if (found && expected?.equals(found)) return kind;
  const [name, encoding] = kind === 'md5' ? (['Content-MD5', 'base64'] as const) : (['tree digest', 'hex'] as const);
  throw new VhdupError(
    'content-differs',
    `${blob.uri}: its ${name} (${expected?.toString(encoding) ?? ''}) does not match its bytes (${found?.toString(encoding) ?? ''}): they were changed after it was set, or the transfer was wrong`,
    {
      hint: `run the same command to fetch all of it once more; ${option('checkMd5', false)} accepts the bytes as they are`,
    },
  );
}

/**
 * Returns the digest of the blob to compare the content with: Content-MD5, or the tree digest if there is no Content-MD5 or the
 * blob has many zeros. Returns `none`, and warns with the reason, if there is no valid digest or none is to be compared.
 */
export async function chooseDigest(task: PullTask): Promise<PullResult['checked']> {
  const { session, source } = task;
  const {
    blob,
    verdict,
    properties: { contentMd5 },
  } = source;
  const tree = treeDigestOf(task);
  if (!contentMd5 && !tree) {
    session.warn({
      code: 'no-content-md5',
      message: `${blob.uri} has no Content-MD5: what was pulled cannot be checked`,
    });
    return 'none';
  }
  const written = findProblem(verdict, 'written-since');
  if (written) {
    session.warn({
      code: 'written-since',
      message: `${blob.uri} was written to after it was pushed, last at ${written.lastModified.toISOString()}: its digests no longer prove anything, and were not compared`,
    });
    return 'none';
  }
  if (task.options.checkMd5 === false) {
    session.warn({
      code: 'digest-not-compared',
      message: `${blob.uri}: its ${contentMd5 ? 'Content-MD5' : 'tree digest'} was not compared, as requested`,
    });
    return 'none';
  }
  if (!contentMd5) return 'tree';
  return tree && source.contentSize - totalLength(await source.ranges()) > MAX_MD5_ZEROS ? 'tree' : 'md5';
}

/** Returns the tree digest that a push has recorded, if it covers all of the blob's content. */
function treeDigestOf({
  source: {
    properties: { contentMd5 },
    verdict,
    contentSize,
    diskSize,
  },
}: PullTask): Buffer | undefined {
  return contentSize === diskSize ? recordedTree(verdict.record, contentMd5) : undefined;
}

async function digestsOfFile(
  task: PullTask,
  { path, unprovedBelow }: Pick<PartFile, 'path' | 'unprovedBelow'>,
  kind: 'md5' | 'tree',
): Promise<Digests> {
  const { session, options, source, parent, format } = task;
  const request = (size: number): DigestRequest =>
    kind === 'tree' ? { tree: true } : { md5: { footer: source.footer, padding: source.contentSize - size } };
  if (format === 'dynamic') {
    await using disk = await openDisk(path, {
      ...options,
      format: 'vhd',
      parentDirs: [...(options.parentDirs ?? []), ...(parent ? [dirname(parent.link.path)] : [])],
    });
    return await digestsOf(session, disk, request(disk.size), { phase: 'check-pulled' });
  }
  const file = await localFiles.open(path);
  try {
    const size = imageSize(task);
    const written = intersect(rangeSet([...(await source.ranges()), { offset: 0, length: unprovedBelow }]), [
      { offset: 0, length: size },
    ]);
    // The file has the blob's bytes at the same offsets; outside of `written` they are zeros, and not read.
    const content = flatContent(size, written, (offset, into) => file.read(offset, into));
    return await digestsOf(session, content, request(content.size), { phase: 'check-pulled' });
  } finally {
    await file.close();
  }
}
