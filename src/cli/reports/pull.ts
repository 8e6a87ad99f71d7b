import type { PullResult } from '../../pull/result.js';
import { table } from '../output.js';
import { count, size } from '../units.js';

/** Returns the result of a pull for people. */
export function pullLines({
  blob,
  output,
  outcome,
  format,
  size: bytes,
  id,
  fetched,
  requests,
  stored,
  contentMd5,
  checked,
}: PullResult): string[] {
  return [
    `${output}: ${outcome === 'already-there' ? 'it was pulled before and is unchanged, nothing was fetched' : `complete${outcome === 'resumed' ? ', resumed' : ''}`}`,
    ...table([
      ['blob', blob],
      ['format', format],
      ['size', `${size(bytes)} (${bytes} bytes)`],
      ['id', id ?? 'none'],
      ['fetched', `${size(fetched)} in ${count(requests, 'request')}`],
      ['stored', size(stored)],
      [
        'Content-MD5',
        `${contentMd5 ?? 'none'}${checked === 'md5' ? ', compared' : checked === 'tree' ? '; the tree digest was compared' : ', not compared'}`,
      ],
    ]),
  ];
}
