import { totalLength } from '../../bytes/range.js';
import { REQUESTS_PER_SECOND } from '../../plan/page-blob-limits.js';
import type { PushPlan } from '../../plan/push-plan.js';
import type { VerifyScope } from '../../push/options.js';
import type { BaseSummary, PlannedPush, PushResult } from '../../push/result.js';
import { table } from '../output.js';
import { sealRow } from '../seal-flags.js';
import { count, duration, grouped, size } from '../units.js';

/** Returns the result of a push for people. */
export function pushLines(
  {
    destination,
    outcome,
    base,
    size: bytes,
    sent,
    requests,
    zeros,
    copied,
    cleared,
    gaps,
    id,
    contentMd5,
    seal,
  }: PushResult,
  verified: VerifyScope | undefined,
): string[] {
  const verifiedRow = verified && (['verified', verified === 'all' ? 'all of it' : 'what was sent'] as const);
  if (outcome === 'already-there')
    return [
      `${destination}: the same content is there already, nothing was sent`,
      ...(seal || verifiedRow ? table([verifiedRow, seal && sealRow(seal)]) : []),
    ];
  return [
    `${destination}: complete${outcome === 'resumed' ? ', resumed' : ''}`,
    ...table([
      ['size', `${size(bytes)} (${bytes} bytes)`],
      ['id', id ?? 'none'],
      ...baseRows(base),
      [
        'sent',
        `${size(sent)} in ${count(requests, 'request')}${gaps > 0 ? `, at most ${size(gaps)} of it to save requests` : ''}`,
      ],
      base && ['copied', size(copied)],
      base && ['cleared', size(cleared)],
      ['zeros', `${size(zeros)} read and not sent`],
      ['Content-MD5', contentMd5 ?? 'none'],
      verifiedRow,
      seal && sealRow(seal),
    ]),
  ];
}

/** Returns a plan for people. */
export function planLines({ destination, action, base, plan, left, contentMd5Omitted }: PlannedPush): string[] {
  if (action === 'nothing') return [`${destination}: the same content is there already, nothing would be sent`];
  const { totals } = plan;
  return [
    `${destination}: ${action === 'resume' ? 'would be resumed' : 'would be pushed'}`,
    ...table([
      ['size', `${size(plan.size)} (${plan.size} bytes)`],
      ...baseRows(base),
      left === undefined ? undefined : ['left', `at most ${size(left)} of ${size(totalLength(plan.write))}`],
      ['send', `at most ${size(totals.send)}: zeros are found while reading, and not sent`],
      ['  of it', `${plan.maxGap > plan.gap ? 'at most ' : ''}${size(totals.gaps)} to save requests`],
      base && ['copy', `${size(plan.copied)}, by the service`],
      base && ['clear', `${size(totals.clear)} in ${count(plan.clear.length, 'request')}${clearTime(plan)}`],
      ['skip', `${size(totals.skip)} ${base ? 'that the base has' : 'of zeros'}`],
      contentMd5Omitted && ['Content-MD5', 'left out'],
      ['requests', `${plan.maxGap > plan.gap ? 'up to about' : 'about'} ${grouped(totals.requests)}`],
    ]),
  ];
}

function clearTime({ clear }: PushPlan): string {
  const seconds = clear.length / REQUESTS_PER_SECOND;
  return seconds < 1 ? '' : `: ${duration(seconds)} or more, at ${REQUESTS_PER_SECOND} a second`;
}

const PROOF: Readonly<Record<BaseSummary['check'], string>> = {
  tree: 'id and tree digest',
  md5: 'id and MD5',
  id: 'id alone',
};

function baseRows(base: BaseSummary | undefined): (readonly [name: string, value: string])[] {
  if (!base) return [];
  return [
    ['base', `${base.uri} (layer ${base.layer}, by ${PROOF[base.check]})`],
    ['kept by', base.protection ?? 'nothing: the base can be changed'],
  ];
}

/** Returns the plan for programs: amounts and counts. Only the library gives the ranges themselves. */
export function planJson({ destination, action, base, plan, left, contentMd5Omitted, warnings }: PlannedPush): object {
  return {
    destination,
    action,
    base,
    size: plan.size,
    copied: plan.copied,
    left,
    contentMd5Omitted,
    gap: plan.gap,
    maxGap: plan.maxGap,
    totals: plan.totals,
    ranges: { write: plan.write.length, clear: plan.clear.length },
    warnings,
  };
}
