import { totalLength } from '../../bytes/range.js';
import { REQUESTS_PER_SECOND } from '../../plan/page-blob-limits.js';
import type { LeafTotals } from '../../content/compare-leaves.js';
import type { PushPlan } from '../../plan/push-plan.js';
import type { VerifyScope } from '../../push/options.js';
import type { BaseSummary, PlannedPush, PushResult } from '../../push/result.js';
import { table } from '../output.js';
import { count, duration, grouped, size } from '../units.js';
import { exactSize, paceWords, share, short } from './amounts.js';
import type { ReportOptions } from './options.js';
import { imageRow } from './push-record.js';
import { sealRow } from './seal.js';

/** Returns the result of a push for programs. `verified`: what was fetched and compared, as requested. */
export function pushJson(result: PushResult, verified: VerifyScope | undefined): object {
  return {
    blob: result.blob,
    outcome: result.outcome,
    id: result.id,
    virtualSize: result.virtualSize,
    blobSize: result.blobSize,
    base: result.base && baseJson(result.base),
    contentMd5: result.contentMd5,
    contentMd5Omitted: result.contentMd5Omitted,
    image: result.image,
    imageVersion: result.imageVersion,
    sent: result.sent,
    copied: result.copied,
    moved: result.moved,
    cleared: result.cleared,
    zeros: result.zeros,
    gaps: result.gaps,
    requests: result.requests,
    verified,
    seal: result.seal,
    durationMs: result.durationMs,
    bytesPerSecond: result.bytesPerSecond,
    warnings: result.warnings,
  };
}

/** Returns the result of a push for people. */
export function pushLines(
  result: PushResult,
  verified: VerifyScope | undefined,
  { verbose }: ReportOptions = { verbose: false },
): string[] {
  const { blob, outcome, base, id, contentMd5, seal } = result;
  const proofRows = [
    imageRow(result),
    verified && (['verified', verified === 'all' ? 'all of it' : 'what was sent'] as const),
    seal && sealRow(seal),
  ];
  if (outcome === 'already-there')
    return [`${blob}: the same content is there already, nothing was sent`, ...table(proofRows)];
  return [
    `${blob}: complete${outcome === 'resumed' ? ', resumed' : ''}`,
    `  ${[
      `sent ${share(result.sent, result.blobSize)}`,
      ...(base ? [keptWords(result.copied, result.cleared)] : []),
      ...(result.moved ? [`${short(result.moved)} copied from other places of it`] : []),
      ...paceWords(result),
    ].join(' · ')}`,
    ...table([
      ['id', id ?? 'none'],
      base && baseRow(base),
      ['Content-MD5', contentMd5 ?? 'left out'],
      ...proofRows,
      ...(verbose ? innerRows(result) : []),
    ]),
  ];
}

/** Returns in words what of the copy stays: all but what is cleared, and partly written again. */
function keptWords(copied: number, cleared: number): string {
  return `${short(Math.max(0, copied - cleared))} copied from the base`;
}

function innerRows({ base, virtualSize, requests, gaps, cleared, zeros }: PushResult): Rows {
  return [
    ['virtual size', exactSize(virtualSize)],
    base && layerRow(base),
    base && protectionRow(base),
    ['requests', grouped(requests)],
    ['gaps', `at most ${size(gaps)} sent to save requests`],
    base && ['cleared', size(cleared)],
    ['zeros', `${size(zeros)} read and not sent`],
  ];
}

/** Returns a plan for people. */
export function planLines(planned: PlannedPush, { verbose }: ReportOptions = { verbose: false }): string[] {
  const { blob, action, base, plan, blobSize, left, estimatedMs, contentMd5Omitted } = planned;
  if (action === 'nothing') return [`${blob}: the same content is there already, nothing would be sent`];
  return [
    `${blob}: ${action === 'resume' ? 'would be resumed' : 'would be pushed'}`,
    `  ${[
      `send at most ${share(plan.totals.send, blobSize)}`,
      ...(base ? [keptWords(plan.copied, plan.totals.clear)] : []),
      `${plan.maxGap > plan.gap ? 'up to about' : 'about'} ${count(plan.totals.requests, 'request')}`,
    ].join(' · ')}`,
    ...table([
      left === undefined ? undefined : ['left', `at most ${size(left)} of ${size(totalLength(plan.write))}`],
      estimatedMs === undefined ? undefined : ['time', `at most ${duration(estimatedMs / 1000)} at the limit`],
      base && baseRow(base),
      planned.leaves && leavesRow(planned.leaves),
      contentMd5Omitted && ['Content-MD5', 'left out'],
      ...(verbose ? planRows(planned) : []),
    ]),
  ];
}

function leavesRow({ equal, moved, changed, zero }: LeafTotals): Row {
  const amounts = { equal, moved, changed, 'to zero': zero };
  return [
    'leaves',
    Object.entries(amounts)
      .map(([name, bytes]) => `${size(bytes)} ${name}`)
      .join(' · '),
  ];
}

function planRows({ base, plan, virtualSize }: PlannedPush): Rows {
  const { totals } = plan;
  return [
    ['virtual size', exactSize(virtualSize)],
    base && layerRow(base),
    base && protectionRow(base),
    ['gaps', `${plan.maxGap > plan.gap ? 'at most ' : ''}${size(totals.gaps)} sent to save requests`],
    base && ['clear', `${size(totals.clear)} in ${count(plan.clear.length, 'request')}${clearTime(plan)}`],
    ['skip', `${size(totals.skip)} ${base ? 'that the base has' : 'of zeros'}`],
    ['zeros', 'found while reading, and not sent'],
  ];
}

function clearTime({ clear }: PushPlan): string {
  const seconds = clear.length / REQUESTS_PER_SECOND;
  return seconds < 1 ? '' : `: ${duration(seconds)} or more, at ${REQUESTS_PER_SECOND} a second`;
}

type Row = readonly [name: string, value: string];
type Rows = readonly (Row | undefined)[];

const CHECKS: Readonly<Record<BaseSummary['check'], string>> = {
  tree: 'tree digest compared',
  md5: 'Content-MD5 compared',
  id: 'only the id compared',
  leaves: 'compared by leaves',
};

function baseRow({ blob, layer, check }: BaseSummary): Row {
  if (layer === undefined) return ['base', `${blob} (${CHECKS[check]})`];
  const ancestor = layer === 0 ? 'the disk itself' : layer === 1 ? 'the parent' : `the ancestor ${layer} levels up`;
  return ['base', `${blob} (${ancestor}; ${CHECKS[check]})`];
}

function layerRow({ layer, id }: BaseSummary): Row {
  return layer === undefined ? ['base id', id ?? 'none'] : ['base layer', `${layer}, id ${id ?? 'none'}`];
}

function protectionRow({ protection }: BaseSummary): Row {
  return ['base protected by', protection ?? 'nothing: it can change'];
}

/** Returns the plan for programs: amounts and counts. Only the library gives the ranges themselves. */
export function planJson(planned: PlannedPush): object {
  const { blob, action, base, leaves, virtualSize, blobSize, plan, left, estimatedMs, contentMd5Omitted, warnings } =
    planned;
  const { send, gaps, clear, skip, requests } = plan.totals;
  return {
    blob,
    action,
    virtualSize,
    blobSize,
    base: base && baseJson(base),
    leaves,
    copied: plan.copied,
    left,
    estimatedMs,
    contentMd5Omitted,
    gap: plan.gap,
    maxGap: plan.maxGap,
    totals: { send, gaps, clear, skip, requests },
    ranges: { write: plan.write.length, clear: plan.clear.length },
    warnings,
  };
}

function baseJson({ blob, id, layer, check, protection }: BaseSummary): object {
  return { blob, id, layer, check, protection };
}
