import { dirname } from 'node:path';
import { displayName } from './display-name.js';
import { errorOf, type Findings } from './findings.js';
import type { Inspection, ParentReference, ParentWarning } from './image.js';
import { hintFor, type ParentBounds } from './parent-bounds.js';
import { candidatePaths } from './parent-path.js';

/** A deeper chain is refused: it is damaged, or made to keep its reader busy. */
const MAX_DEPTH = 128;
/** This many failed attempts to find a parent are listed in a message. */
const MAX_LISTED = 8;
const MAX_LISTED_LENGTH = 280;

/** The chain that a parent is searched for. */
export interface ParentSearch {
  /** The chain as far as it is known, top first; the parent of its last image is searched. */
  readonly chain: readonly Inspection[];
  readonly bounds: ParentBounds;
  readonly inspect: (path: string, format: string | undefined) => Promise<Inspection>;
  /** Of the child. */
  readonly findings: Findings;
}

/**
 * Finds the parent of the last image of a chain: a sound image that the child accepts, else a damaged one that it accepts. Returns
 * `undefined`, and reports `chain-broken`, if there is none. Files that are not the parent are closed.
 */
export async function findParent(
  reference: ParentReference,
  { chain, bounds, inspect, findings }: ParentSearch,
): Promise<Inspection | undefined> {
  const { offset, field } = reference.place;
  const broken = (problem: string, hint?: string) => {
    findings.error(offset, field, `the chain of ${chainOf(chain)} is broken: ${problem}`, {
      code: 'chain-broken',
      ...(hint === undefined ? {} : { hint }),
    });
  };
  if (chain.length >= MAX_DEPTH) {
    broken(`it is deeper than ${MAX_DEPTH} layers`);
    return undefined;
  }
  const tried: string[] = [];
  let outside: string | undefined;
  let damaged: { readonly parent: Inspection; readonly warnings: readonly ParentWarning[] } | undefined;
  for (const path of candidatePaths(reference.names, dirname(findings.file), bounds.parentDirs)) {
    const refusal = await bounds.refusal(path);
    if (refusal) {
      tried.push(`${path}: ${refusal.reason}`);
      if (refusal.isOutside) outside ??= path;
      continue;
    }
    const parent = await inspect(path, reference.format);
    if (chain.some(({ fileIds }) => fileIds.some((id) => parent.fileIds.includes(id)))) {
      await parent.image?.close();
      broken(`${displayName(path)} is its own ancestor`);
      return undefined;
    }
    const { firstError } = parent.findings;
    const judgement = parent.summary && reference.judge(parent.summary);
    if (judgement?.refusal !== undefined) {
      tried.push(`${path}: ${judgement.refusal}`);
      await parent.image?.close();
    } else if (firstError) {
      tried.push(errorOf(firstError).message);
      if (judgement) damaged ??= { parent, warnings: judgement.warnings };
    } else {
      report(judgement?.warnings ?? [], findings);
      return parent;
    }
  }
  if (damaged) report(damaged.warnings, findings);
  else broken(`no ${reference.description} was found\n${triedLines(tried)}`, hintFor(outside));
  return damaged?.parent;
}

function report(warnings: readonly ParentWarning[], findings: Findings): void {
  for (const { offset, field, problem, code } of warnings) findings.warning(offset, field, problem, { code });
}

/** Returns the files of a chain for a message; of a long one its ends. */
function chainOf(chain: readonly Inspection[]): string {
  const names = chain.map(({ path, summary }) => `${displayName(path)} (${summary?.id ?? 'no id'})`);
  return (names.length <= 6 ? names : [...names.slice(0, 3), `${names.length - 5} more`, ...names.slice(-2)]).join(
    ' ← ',
  );
}

function triedLines(tried: readonly string[]): string {
  const lines = tried.slice(0, MAX_LISTED).map((line) => `  tried ${displayName(line, MAX_LISTED_LENGTH)}`);
  if (tried.length > MAX_LISTED) lines.push(`  and ${tried.length - MAX_LISTED} more`);
  return lines.join('\n');
}
