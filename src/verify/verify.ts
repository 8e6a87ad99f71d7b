import { VhdupError } from '../errors.js';
import { parseBlobUri } from '../azure/location.js';
import { recordedTree } from '../protocol/push-record.js';
import { readFooter } from '../protocol/read-footer.js';
import { requireSource } from '../protocol/require-blob.js';
import { SeenBlob } from '../protocol/seen-blob.js';
import { findProblem, findingOf, judgeBlob, refusalOf, type Verdict } from '../protocol/verdict.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { Disk } from '../disk/disk.js';
import { FixedStream, FOOTER_LENGTH, fixedFooterOf, parseFixedTail, type FixedTail } from '../protocol/fixed-vhd.js';
import { zeroFill } from '../bytes/zero-fill.js';
import { intersect, rangeSet, subtract, totalLength, type Range, type RangeSet } from '../bytes/range.js';
import { dataRanges } from '../content/data-ranges.js';
import { option } from '../option-names.js';
import { awaitBoth } from '../run/concurrency.js';
import { Session } from '../session/session.js';
import { SourceGuard } from '../content/source-guard.js';
import { digestsOf } from '../content/running-digest.js';
import { compare } from '../content/compare.js';
import { checkOptions } from '../option-rules.js';
import { VERIFY_RULES, type VerifyOptions } from './options.js';
import type { VerifyResult } from './result.js';

/** How many differing ranges the result lists. */
const MAX_LISTED = 20;

/**
 * Compares a disk with a blob: every byte that one of them has; with `deep: false` only what can be compared without fetching
 * content. Returns the differences. Throws `disk-unreadable`, `disk-unsupported` if it is not a page blob, `source-changed`
 * if the blob or the disk changes meanwhile, and whatever reading them may throw.
 */
export async function verify(disk: Disk, uri: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  const session = new Session(options);
  checkOptions(options, VERIFY_RULES);
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
  const properties = await requireSource(blob);
  const verdict = judgeBlob(properties);
  const other = findProblem(verdict, 'not-a-page-blob');
  if (other) throw new VhdupError('disk-unsupported', `${blob.uri}: ${refusalOf(other)}`);
  const seen = new SeenBlob(blob, properties);
  const { size } = properties;
  const content = Math.max(0, size - FOOTER_LENGTH);
  const tail = await tailOf(blob, properties, disk);

  const pages = await seen.pageRanges();
  const data = await dataRanges(disk);
  const both = [{ offset: 0, length: Math.min(content, disk.size) }];
  const onlyDisk = subtract(data, pages);
  const onlyBlob = subtract(intersect(pages, both), data);
  // Without the blob's content, what only the disk has can still be compared: there the blob is zero.
  const ranges = intersect(deep ? rangeSet([...data, ...pages]) : onlyDisk, both);
  session.warnOfExpiry(blob, totalLength(ranges));
  const [{ differences, fetched }, digests] = await awaitBoth(
    compare(session, { disk, blob: seen, ranges, pages: deep ? pages : [], phase: 'compare' }),
    compareDigests(session, { properties, verdict }, tail.stream),
    session.fail,
  );
  const padding = { offset: disk.size, length: Math.max(0, content - disk.size) };
  const nonZeroPadding = deep ? await findNonZero(session, seen, intersect(pages, [padding])) : [];

  const all = rangeSet([
    ...differences,
    ...nonZeroPadding,
    ...(tail.check !== 'equal' && size >= FOOTER_LENGTH ? [{ offset: content, length: size - content }] : []),
  ]);
  const problems = [
    // That it was written to since does not matter here: the content itself is compared.
    ...verdict.problems.filter(({ kind }) => kind !== 'written-since').map(findingOf),
    ...tail.problems,
    ...(digests.contentMd5Check === 'other' ? ['its Content-MD5 is not that of the disk'] : []),
    ...(digests.treeCheck === 'other' ? ['its tree digest is not that of the disk'] : []),
  ];
  return {
    blob: blob.uri,
    equal: all.length === 0 && problems.length === 0,
    contentEqual: deep ? differences.length + nonZeroPadding.length === 0 && content >= disk.size : undefined,
    depth: deep ? 'content' : 'records',
    virtualSize: disk.size,
    blobSize: size,
    compared: totalLength(ranges),
    fetched,
    differences: { first: all.slice(0, MAX_LISTED), count: all.length, bytes: totalLength(all) },
    footerCheck: tail.check,
    ...digests,
    allocation: { onlyDisk: totalLength(onlyDisk), onlyBlob: totalLength(onlyBlob) },
    problems,
    warnings: session.warnings,
    ...session.paceOf(fetched),
  };
}

/** The end of the blob, compared with the disk. */
interface Tail {
  readonly check: VerifyResult['footerCheck'];
  readonly problems: readonly string[];
  /** The disk in the form that the blob has it, with the blob's footer and padding; `undefined` if the blob is not in such a form. */
  readonly stream: FixedStream | undefined;
}

/** Compares the blob's footer: it is the disk's own, or an older uploader's with the same id, and the size with or without padding. */
async function tailOf(blob: PageBlob, properties: BlobProperties, disk: Disk): Promise<Tail> {
  const { size } = properties;
  const padding = size - FOOTER_LENGTH - disk.size;
  const wrongSize = padding < 0 ? [tooSmall(size, disk)] : [];
  if (size < FOOTER_LENGTH) return { check: 'missing', problems: wrongSize, stream: undefined };
  const bytes = await readFooter(blob, properties);
  if (padding === 0 && bytes.equals(fixedFooterOf(disk)))
    return { check: 'equal', problems: [], stream: new FixedStream(disk) };
  const tail = parseFixedTail(bytes);
  const { check, problem } = judgeFooter(tail, disk, padding);
  const problems = [...wrongSize, ...(problem === undefined ? [] : [problem])];
  return {
    check,
    problems,
    stream: problems.length > 0 ? undefined : new FixedStream(disk, { footer: bytes, padding }),
  };
}

/** Returns the problem of a blob that is too small; it names the option if the blob was pushed without it. */
function tooSmall(size: number, { size: diskSize, layers }: Disk): string {
  const wasNotAligned = size - FOOTER_LENGTH === layers[0]?.size;
  return `it has ${size} bytes, the disk with its footer ${diskSize + FOOTER_LENGTH}${wasNotAligned ? `: compare it without ${option('align')}` : ''}`;
}

/** Compares a footer with the disk. `padding`: bytes between the disk's end and the footer. */
function judgeFooter(
  tail: FixedTail | string,
  disk: Disk,
  padding: number,
): { readonly check: VerifyResult['footerCheck']; readonly problem?: string } {
  if (typeof tail === 'string') return { check: 'missing', problem: `it ends with no footer of a fixed VHD: ${tail}` };
  if (tail.id === undefined || tail.id !== disk.id)
    return {
      check: 'other-id',
      problem: `its unique id is ${tail.id ?? 'all zeros'}, the disk's is ${disk.id ?? 'all zeros'}`,
    };
  return tail.size === disk.size || tail.size === disk.size + padding
    ? { check: 'equal' }
    : { check: 'other-size', problem: `its footer says ${tail.size} bytes, the disk has ${disk.size}` };
}

/** Returns what of these ranges of the blob is not zero. */
async function findNonZero(session: Session, blob: SeenBlob, ranges: RangeSet): Promise<Range[]> {
  const read = (_: number, into: Uint8Array): Promise<void> => {
    zeroFill(into);
    return Promise.resolve();
  };
  const { differences } = await compare(session, { disk: { read }, blob, ranges, pages: ranges, phase: 'compare' });
  return differences;
}

/** Compares the digests that the blob has with those of the disk in the blob's form. */
async function compareDigests(
  session: Session,
  {
    properties: { contentMd5 },
    verdict: { record },
  }: { readonly properties: BlobProperties; readonly verdict: Verdict },
  stream: FixedStream | undefined,
): Promise<Pick<VerifyResult, 'contentMd5Check' | 'treeCheck'>> {
  const recorded = recordedTree(record, contentMd5);
  const outcome = (theirs: Buffer | undefined, ours: Buffer | undefined) =>
    !theirs ? 'absent' : !ours ? 'unchecked' : theirs.equals(ours) ? 'equal' : 'other';
  // A tree digest is that of a disk without padding.
  const ours =
    stream &&
    (await digestsOf(
      session,
      stream.disk,
      { md5: contentMd5 && stream, tree: recorded !== undefined && stream.padding === 0 },
      { phase: 'digest' },
    ));
  return { contentMd5Check: outcome(contentMd5, ours?.md5), treeCheck: outcome(recorded, ours?.tree) };
}
