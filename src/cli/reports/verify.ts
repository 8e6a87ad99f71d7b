import type { VerifyResult } from '../../verify/result.js';
import { table } from '../output.js';
import { count, size } from '../units.js';

const DIGEST_WORDS: Readonly<Record<VerifyResult['contentMd5'], string>> = {
  equal: 'that of the disk',
  other: 'not that of the disk',
  absent: 'none',
  unchecked: 'not compared',
};

/** Returns the result of a comparison for people. */
export function verifyLines({
  blob,
  equal,
  depth,
  compared,
  size: bytes,
  fetched,
  differences,
  contentMd5,
  tree,
  allocation,
  problems,
}: VerifyResult): string[] {
  const verdict = !equal
    ? 'differs from the disk'
    : depth === 'content'
      ? 'equals the disk'
      : 'nothing tells it from the disk; its content was not fetched';
  const more = differences.count - differences.first.length;
  return [
    `${blob}: ${verdict}`,
    ...table([
      [
        'compared',
        `${size(compared)} of ${size(bytes)}${depth === 'content' ? '; the rest is zero on both sides' : ''}`,
      ],
      ['fetched', size(fetched)],
      depth === 'content'
        ? undefined
        : [
            'allocation',
            `${size(allocation.onlyDisk)} on the disk alone, ${size(allocation.onlyBlob)} on the blob alone`,
          ],
      ['Content-MD5', DIGEST_WORDS[contentMd5]],
      tree === 'absent' ? undefined : ['tree digest', DIGEST_WORDS[tree]],
      differences.count === 0
        ? undefined
        : ['differences', `${size(differences.bytes)} in ${count(differences.count, 'range')}`],
    ]),
    ...(differences.count === 0 ? [] : [`  ${'offset'.padStart(15)} ${'length'.padStart(15)}`]),
    ...differences.first.map(({ offset, length }) => `  ${String(offset).padStart(15)} ${String(length).padStart(15)}`),
    ...(more > 0 ? [`  and ${count(more, 'more range')}`] : []),
    ...problems.map((text) => `  problem: ${text}`),
  ];
}
