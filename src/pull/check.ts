import { dirname } from 'node:path';
import { VhdupError } from '../errors.js';
import { localFiles, type SourceHandle } from '../disk/file.js';
import { recordedTree } from '../protocol/push-record.js';
import { findProblem } from '../protocol/verdict.js';
import { openDisk } from '../disk/open.js';
import { intersect, rangeSet, totalLength, type RangeSet } from '../bytes/range.js';
import type { Session } from '../session/session.js';
import type { Content, DigestRequest, Digests } from '../content/digest-computation.js';
import { digestsOf } from '../content/running-digest.js';
import type { PullOptions } from './options.js';
import type { PartFile } from './part-file.js';
import type { PullResult } from './result.js';
import { imageSize, type PullWork } from './work.js';

/** If the blob has more zeros than this, in bytes, the tree digest is preferred: it does not hash them. MD5 over 2,040 GiB takes an hour. */
const MANY_ZEROS = 1024 ** 3;

/**
 * Compares a digest of the blob with the finished file: Content-MD5 over the blob's bytes, with its own footer and padding, or
 * the tree digest that a push has noted; see `comparable`. Holes of a flat file that only this pull has written to are not
 * read. Throws `content-differs`, and `disk-invalid` if a dynamic disk cannot be read.
 */
export async function checkContent(
  session: Session,
  work: PullWork,
  part: Pick<PartFile, 'path' | 'foreignBelow'>,
  options: PullOptions,
): Promise<PullResult['checked']> {
  const kind = await comparable(session, work, options);
  if (kind === 'none') return kind;
  const {
    blob,
    properties: { contentMd5 },
  } = work.source;
  const found = (await digestsOfFile(session, work, part, { ...options, kind }))[kind];
  const noted = kind === 'md5' ? contentMd5 : treeOf(work);
  if (found && noted?.equals(found)) return kind;
  const [name, encoding] = kind === 'md5' ? (['Content-MD5', 'base64'] as const) : (['tree digest', 'hex'] as const);
  throw new VhdupError(
    'content-differs',
    `${blob.uri}: its ${name} (${noted?.toString(encoding) ?? ''}) does not fit its bytes (${found?.toString(encoding) ?? ''}): they were changed after it was set, or the transfer was wrong`,
    {
      hint: 'run the same command to fetch all of it once more; --no-check-md5 accepts the bytes as they are',
    },
  );
}

/**
 * Returns the digest of the blob to compare the content with: Content-MD5, or the tree digest if there is no Content-MD5 or the
 * blob has many zeros. Returns `none`, and warns with the reason, if no digest counts.
 */
export async function comparable(
  session: Session,
  work: PullWork,
  options: PullOptions,
): Promise<PullResult['checked']> {
  const {
    blob,
    verdict,
    properties: { contentMd5 },
  } = work.source;
  const noted = treeOf(work);
  if (!contentMd5 && !noted) {
    session.warn(`${blob.uri} has no Content-MD5: what was pulled could not be checked`);
    return 'none';
  }
  const written = findProblem(verdict, 'written-since');
  if (written) {
    session.warn(
      `${blob.uri} was written to after it was pushed, last at ${written.lastModified.toISOString()}: its digests prove nothing any longer, and were not compared`,
    );
    return 'none';
  }
  if (options.checkMd5 === false) {
    session.warn(`${blob.uri}: its ${contentMd5 ? 'Content-MD5' : 'tree digest'} was not compared, as asked for`);
    return 'none';
  }
  if (!contentMd5) return 'tree';
  return noted && work.source.contentSize - totalLength(await work.source.ranges()) > MANY_ZEROS ? 'tree' : 'md5';
}

/** The tree digest that a push has noted of all of the blob's content. */
function treeOf({
  source: {
    properties: { contentMd5 },
    verdict,
    contentSize,
    diskSize,
  },
}: PullWork): Buffer | undefined {
  return contentSize === diskSize ? recordedTree(verdict.record, contentMd5) : undefined;
}

async function digestsOfFile(
  session: Session,
  work: PullWork,
  { path, foreignBelow }: Pick<PartFile, 'path' | 'foreignBelow'>,
  { kind, ...options }: PullOptions & { readonly kind: 'md5' | 'tree' },
): Promise<Digests> {
  const { source, parent, format } = work;
  const request = (size: number): DigestRequest =>
    kind === 'tree' ? { tree: true } : { md5: { footer: source.footer, padding: source.contentSize - size } };
  if (format === 'dynamic') {
    await using disk = await openDisk(path, {
      ...options,
      format: 'vhd',
      parentDirs: [...(options.parentDirs ?? []), ...(parent ? [dirname(parent.link.path)] : [])],
    });
    return await digestsOf(session, disk, request(disk.size), 'check-pulled');
  }
  const file = await localFiles.open(path);
  try {
    const size = imageSize(work);
    const written = intersect(rangeSet([...(await source.ranges()), { offset: 0, length: foreignBelow }]), [
      { offset: 0, length: size },
    ]);
    const content = flatContent(file, size, written);
    return await digestsOf(session, content, request(content.size), 'check-pulled');
  } finally {
    await file.close();
  }
}

/** The first `size` bytes of the blob, in a file that has them at the same offsets. Outside of `written` they are zeros, and are not read. */
function flatContent(file: SourceHandle, size: number, written: RangeSet): Content {
  return {
    size,
    read: (offset, into) => file.read(offset, into),
    async *extentBatches() {
      await Promise.resolve();
      yield written.map((range) => ({ ...range, kind: 'data' as const, layer: 0 }));
    },
  };
}
