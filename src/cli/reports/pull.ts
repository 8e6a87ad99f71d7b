import type { PullResult } from '../../pull/result.js';
import { table } from '../output.js';
import { grouped, size } from '../units.js';
import { exactSize, paceWords, share } from './amounts.js';
import type { ReportOptions } from './options.js';

/** Returns the result of a pull for programs. */
export function pullJson(result: PullResult): object {
  return {
    blob: result.blob,
    output: result.output,
    outcome: result.outcome,
    format: result.format,
    id: result.id,
    virtualSize: result.virtualSize,
    blobSize: result.blobSize,
    contentMd5: result.contentMd5,
    checked: result.checked,
    fetched: result.fetched,
    stored: result.stored,
    requests: result.requests,
    durationMs: result.durationMs,
    bytesPerSecond: result.bytesPerSecond,
    warnings: result.warnings,
  };
}

const OUTCOMES: Readonly<Record<PullResult['outcome'], string>> = {
  pulled: 'complete',
  resumed: 'complete, resumed',
  'already-there': 'it was pulled before and is unchanged, nothing was fetched',
};

const CHECKS: Readonly<Record<PullResult['checked'], string>> = {
  md5: ', compared',
  tree: '; the tree digest was compared',
  none: ', not compared',
};

/** Returns the result of a pull for people. */
export function pullLines(result: PullResult, { verbose }: ReportOptions = { verbose: false }): string[] {
  const { blob, output, outcome, format, virtualSize, blobSize, id, fetched, requests, stored } = result;
  return [
    `${output}: ${OUTCOMES[outcome]}`,
    ...(outcome === 'already-there'
      ? []
      : [`  ${[`fetched ${share(fetched, blobSize)}`, ...paceWords(result)].join(' · ')}`]),
    ...table([
      ['blob', blob],
      ['format', format],
      ['id', id ?? 'none'],
      ['Content-MD5', `${result.contentMd5 ?? 'none'}${CHECKS[result.checked]}`],
      ...(verbose
        ? ([
            ['virtual size', exactSize(virtualSize)],
            ['requests', grouped(requests)],
            ['stored', size(stored)],
          ] as const)
        : []),
    ]),
  ];
}
