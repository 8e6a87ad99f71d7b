import type { VerifyResult } from '../../verify/result.js';
import { table } from '../output.js';
import { count, size } from '../units.js';
import { paceWords, share, short } from './amounts.js';
import type { ReportOptions } from './options.js';

/** Returns the result of a comparison for programs. */
export function verifyJson(result: VerifyResult): object {
  const { first, count: ranges, bytes } = result.differences;
  return {
    blob: result.blob,
    equal: result.equal,
    contentEqual: result.contentEqual,
    depth: result.depth,
    virtualSize: result.virtualSize,
    blobSize: result.blobSize,
    compared: result.compared,
    fetched: result.fetched,
    footerCheck: result.footerCheck,
    differences: { first: first.map(({ offset, length }) => ({ offset, length })), count: ranges, bytes },
    contentMd5Check: result.contentMd5Check,
    treeCheck: result.treeCheck,
    allocation: { onlyDisk: result.allocation.onlyDisk, onlyBlob: result.allocation.onlyBlob },
    problems: result.problems,
    durationMs: result.durationMs,
    bytesPerSecond: result.bytesPerSecond,
    warnings: result.warnings,
  };
}

const DIGEST_CHECKS: Readonly<Record<VerifyResult['contentMd5Check'], string>> = {
  equal: 'that of the disk',
  other: 'not that of the disk',
  absent: 'none',
  unchecked: 'not compared',
};

/** Returns the result of a comparison for people. */
export function verifyLines(result: VerifyResult, { verbose }: ReportOptions = { verbose: false }): string[] {
  const { blob, depth, compared, virtualSize, fetched, differences, allocation, problems } = result;
  const more = differences.count - differences.first.length;
  const isDeep = depth === 'content';
  return [
    `${blob}: ${verdictOf(result)}`,
    `  compared ${share(compared, virtualSize)}${isDeep && compared < virtualSize ? '; the rest is zero on both sides' : ''}`,
    `  ${[`fetched ${short(fetched)}`, ...paceWords(result)].join(' · ')}`,
    ...table([
      ['Content-MD5', DIGEST_CHECKS[result.contentMd5Check]],
      result.treeCheck === 'absent' ? undefined : ['tree digest', DIGEST_CHECKS[result.treeCheck]],
      differences.count === 0
        ? undefined
        : ['differences', `${size(differences.bytes)} in ${count(differences.count, 'range')}`],
      verbose || !isDeep
        ? ['allocation', `${size(allocation.onlyDisk)} only on the disk, ${size(allocation.onlyBlob)} only on the blob`]
        : undefined,
    ]),
    ...(differences.count === 0 ? [] : [`  ${'offset'.padStart(15)} ${'length'.padStart(15)}`]),
    ...differences.first.map(({ offset, length }) => `  ${String(offset).padStart(15)} ${String(length).padStart(15)}`),
    ...(more > 0 ? [`  and ${count(more, 'more range')}`] : []),
    ...problems.map((text) => `  problem: ${text}`),
  ];
}

function verdictOf({ equal, contentEqual, depth, footerCheck, problems }: VerifyResult): string {
  if (equal) return depth === 'content' ? 'equals the disk' : 'no difference found; its content was not compared';
  if (!contentEqual) return 'differs from the disk';
  if (footerCheck === 'other-id' && problems.length === 1) return 'content equal; only the footer (id) differs';
  return footerCheck === 'equal' ? 'content equal, but the blob has problems' : 'content equal, but the footer differs';
}
