import { VhdupError } from '../errors.js';
import { parseBlobUri } from '../azure/location.js';
import { isUnfinishedElsewhere, notedTree, stateOf } from '../protocol/push-record.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { Disk } from '../disk/disk.js';
import { FixedStream, FOOTER_LENGTH, parseFixedTail } from '../disk/fixed-stream.js';
import { zeroFill } from '../bytes/zero-fill.js';
import { intersect, rangeSet, subtract, totalLength, type Range, type RangeSet } from '../bytes/range.js';
import { dataRanges } from '../content/data-ranges.js';
import { together } from '../run/concurrency.js';
import { Session } from '../session/session.js';
import { SourceGuard } from '../content/source-guard.js';
import { digestsOf } from '../content/digest-pass.js';
import { compare } from '../content/compare.js';
import type { VerifyOptions } from './options.js';
import type { VerifyResult } from './result.js';

/** As many differing ranges are named. */
const NAMED = 20;

/**
 * Compares a disk with a blob: every byte that one of them has, sparse on both sides; with `deep: false` only what can be
 * told without fetching content. The blob has to stay as it is meanwhile, and so has the disk.
 * Throws `destination-missing`, `source-changed`, and what reading either side may throw; a difference is a result.
 */
export async function verify(disk: Disk, uri: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  const session = new Session(options);
  const guard = await SourceGuard.begin(disk, {
    onTouched: (path) => {
      session.note(`${path} was touched: all is compared again`);
    },
    hint: 'stop what writes to it, then run the same command again',
  });
  const blob = await session.blob(parseBlobUri(uri));
  return guard.repeatUntilUntouched(() => compareAll(session, guard.disk, blob, options));
}

async function compareAll(
  session: Session,
  disk: Disk,
  blob: PageBlob,
  { deep = true }: VerifyOptions,
): Promise<VerifyResult> {
  const properties = await present(blob);
  const conditions = { ifMatch: properties.etag };
  const { size } = properties;
  const content = Math.max(0, size - FOOTER_LENGTH);
  const tail = await tailOf(blob, properties, disk);

  const pages = rangeSet(await blob.pageRanges(conditions));
  const data = await dataRanges(disk);
  const both = [{ offset: 0, length: Math.min(content, disk.size) }];
  const onlyDisk = subtract(data, pages);
  const onlyBlob = subtract(intersect(pages, both), data);
  // Without the blob's content, what only the disk has can still be compared: there the blob is zero.
  const ranges = intersect(deep ? rangeSet([...data, ...pages]) : onlyDisk, both);
  const [{ differences, fetched }, digests] = await together(
    compare(session, { disk, blob, ranges, pages: deep ? pages : [], conditions, phase: 'compare' }),
    compareDigests(session, properties, tail.stream),
    session.fail,
  );
  const behind = deep ? await notZero(session, disk, blob, properties, pages) : [];

  const all = rangeSet([
    ...differences,
    ...behind,
    ...(tail.differs ? [{ offset: content, length: size - content }] : []),
  ]);
  const problems = [
    ...problemsOf(properties),
    ...tail.problems,
    ...(digests.contentMd5 === 'other' ? ['its Content-MD5 is not that of the disk'] : []),
    ...(digests.tree === 'other' ? ['its tree digest is not that of the disk'] : []),
  ];
  return {
    blob: blob.uri,
    equal: all.length === 0 && problems.length === 0,
    depth: deep ? 'content' : 'records',
    size,
    compared: totalLength(ranges),
    fetched,
    differences: { first: all.slice(0, NAMED), count: all.length, bytes: totalLength(all) },
    ...digests,
    allocation: { onlyDisk: totalLength(onlyDisk), onlyBlob: totalLength(onlyBlob) },
    problems,
  };
}

async function present(blob: PageBlob): Promise<BlobProperties> {
  const properties = await blob.properties();
  if (!properties)
    throw new VhdupError('destination-missing', `${blob.uri}: there is no such blob`, {
      hint: 'check the name, and that the credential may read it',
    });
  if (properties.type !== 'PageBlob')
    throw new VhdupError(
      'destination-exists',
      `${blob.uri}: it is a ${properties.type ?? 'blob of unknown type'}, not a page blob`,
    );
  return properties;
}

function problemsOf({ metadata, contentMd5, copy }: BlobProperties): string[] {
  const push = stateOf(metadata);
  return [
    copy?.status === 'pending' ? ['it is still being copied to'] : [],
    push && push.state !== 'complete'
      ? [`an unfinished push (${push.state}): run the same push again to resume it`]
      : [],
    isUnfinishedElsewhere(metadata, contentMd5 !== undefined) ? ['an unfinished upload of another tool'] : [],
  ].flat();
}

interface Tail {
  readonly differs: boolean;
  readonly problems: readonly string[];
  /** The disk in the form that the blob has: its footer, its padding. `undefined` where it has no such form. */
  readonly stream: FixedStream | undefined;
}

/** The footer: the disk's own, or that of an older uploader which says the same disk (its id, its size or the padded one). */
async function tailOf(blob: PageBlob, { size, etag }: BlobProperties, disk: Disk): Promise<Tail> {
  const padding = size - FOOTER_LENGTH - disk.size;
  const wrongSize = padding < 0 ? [`it has ${size} bytes, the disk with its footer ${disk.size + FOOTER_LENGTH}`] : [];
  if (size < FOOTER_LENGTH) return { differs: false, problems: wrongSize, stream: undefined };
  const bytes = await blob.read({ offset: size - FOOTER_LENGTH, length: FOOTER_LENGTH }, { ifMatch: etag });
  if (padding === 0 && bytes.equals(disk.footer))
    return { differs: false, problems: [], stream: new FixedStream(disk) };
  const tail = parseFixedTail(bytes);
  const problem =
    typeof tail === 'string'
      ? `it ends with no footer of a fixed VHD: ${tail}`
      : tail.id === undefined || tail.id !== disk.id
        ? `its unique id is ${tail.id ?? 'all zeros'}, the disk's is ${disk.id ?? 'all zeros'}`
        : tail.size !== disk.size && tail.size !== disk.size + padding
          ? `its footer says ${tail.size} bytes, the disk has ${disk.size}`
          : undefined;
  const problems = [...wrongSize, ...(problem === undefined ? [] : [problem])];
  return {
    differs: problem !== undefined,
    problems,
    stream: problems.length > 0 ? undefined : new FixedStream(disk, { footer: bytes, padding }),
  };
}

/** What lies between the disk's end and the footer has to be zero. */
async function notZero(
  session: Session,
  disk: Disk,
  blob: PageBlob,
  { size, etag }: BlobProperties,
  pages: RangeSet,
): Promise<Range[]> {
  const padding = { offset: disk.size, length: Math.max(0, size - FOOTER_LENGTH - disk.size) };
  const read = (_: number, into: Uint8Array): Promise<void> => {
    zeroFill(into);
    return Promise.resolve();
  };
  const { differences } = await compare(session, {
    disk: { read },
    blob,
    ranges: intersect(pages, [padding]),
    pages,
    conditions: { ifMatch: etag },
    phase: 'compare',
  });
  return differences;
}

async function compareDigests(
  session: Session,
  { contentMd5, metadata }: BlobProperties,
  stream: FixedStream | undefined,
): Promise<Pick<VerifyResult, 'contentMd5' | 'tree'>> {
  const noted = notedTree(stateOf(metadata), contentMd5);
  const verdict = (theirs: Buffer | undefined, ours: Buffer | undefined) =>
    !theirs ? 'absent' : !ours ? 'unchecked' : theirs.equals(ours) ? 'equal' : 'other';
  // The tree is that of a disk without padding.
  const ours =
    stream &&
    (await digestsOf(
      session,
      stream.disk,
      { md5: contentMd5 && stream, tree: noted !== undefined && stream.padding === 0 },
      'digest',
    ));
  return { contentMd5: verdict(contentMd5, ours?.md5), tree: verdict(noted, ours?.tree) };
}
