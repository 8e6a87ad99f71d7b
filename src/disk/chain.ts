import { dirname, join } from 'node:path';
import { ChainDisk, closeAll } from './chain-disk.js';
import type { Disk } from './disk.js';
import type { Files } from './file.js';
import { Findings, errorOf, isError, type Problem } from './findings.js';
import type {
  Image,
  ImageOptions,
  ImageReader,
  ImageSummary,
  Inspection,
  ParentReference,
  ReadOptions,
} from './image.js';
import { MemoryBudget } from './memory-budget.js';
import { ParentBounds, type ParentRules } from './parent-bounds.js';
import { parentFileName, parentPaths, refusedName } from './parent-path.js';
import { shown } from './shown.js';

export type ChainOptions = ImageOptions & ParentRules;

/** A deeper chain is taken for a broken one. */
const MAX_DEPTH = 128;
/** So many failed attempts to find a parent are told. */
const MAX_TRIED = 8;
const MAX_TRIED_LENGTH = 280;

/** A file of the chain, and all that is wrong with it and with the way that led to it. */
export interface Link {
  /** `undefined` where the child's parent was not found. */
  readonly inspection: Inspection | undefined;
  /** What is wrong between the child and this file. */
  readonly chainProblems: readonly Problem[];
}

/** Opens an image and all its parents, the top first. Throws the first error that was found. */
export async function openChain(
  path: string,
  files: Files,
  read: ImageReader,
  options: ChainOptions = {},
): Promise<Disk> {
  const images: Image[] = [];
  const warnings: string[] = [];
  try {
    for await (const { inspection, chainProblems } of walkChain(path, files, read, options)) {
      if (inspection?.image) images.push(inspection.image);
      const problems = [...chainProblems, ...(inspection?.findings.problems ?? [])];
      const error = problems.find(isError);
      if (error) throw errorOf(error);
      if (!inspection?.image) throw new TypeError(`${path}: refused without an error`);
      warnings.push(...chainProblems.map(({ file, problem }) => `${file}: ${problem}`));
    }
    return new ChainDisk(images, warnings);
  } catch (error) {
    await closeAll(images);
    throw error;
  }
}

/** Walks from an image to its root, the top first, as far as parents are found. Images that it yields are the caller's to close. */
export async function* walkChain(
  path: string,
  files: Files,
  read: ImageReader,
  options: ChainOptions,
): AsyncGenerator<Link> {
  const memory = new MemoryBudget();
  const inspect = (at: string) => inspectFile(at, files, read, { ...options, memory });
  const chain = [await inspect(path)];
  yield { inspection: chain[0], chainProblems: [] };
  let bounds: ParentBounds | undefined;
  for (let child = chain[0]; child?.summary?.parent; child = chain.at(-1)) {
    bounds ??= await ParentBounds.of(path, files, options);
    const findings = new Findings(child.path);
    const inspection = await findParent(chain, child.summary, child.summary.parent, bounds, inspect, findings);
    yield { inspection, chainProblems: findings.problems };
    if (!inspection) return;
    chain.push(inspection);
  }
}

async function inspectFile(path: string, files: Files, read: ImageReader, options: ReadOptions): Promise<Inspection> {
  const findings = new Findings(path);
  let fileIdentity: string | undefined;
  try {
    const file = await files.open(path);
    fileIdentity = file.identity;
    let image: Image | undefined;
    try {
      const result = await read(file, options, findings);
      image = result.image;
      return { path, fileIdentity, findings, ...result };
    } finally {
      if (!image) await file.close();
    }
  } catch (error) {
    findings.unreadable(error);
    return { path, fileIdentity, findings, summary: undefined, image: undefined };
  }
}

/** The parent of the last file of `chain`: a sound file with the right id, else a damaged one with the right id. */
async function findParent(
  chain: readonly Inspection[],
  child: ImageSummary,
  reference: ParentReference,
  bounds: ParentBounds,
  inspect: (path: string) => Promise<Inspection>,
  findings: Findings,
): Promise<Inspection | undefined> {
  const broken = (problem: string, hint?: string) => {
    findings.error(reference.idOffset, 'parent unique id', `the chain of ${chainOf(chain)} is broken: ${problem}`, {
      code: 'chain-broken',
      ...(hint === undefined ? {} : { hint }),
    });
  };
  if (chain.length >= MAX_DEPTH) {
    broken(`it is deeper than ${MAX_DEPTH} layers`);
    return undefined;
  }
  const wanted = reference.id ?? 'all zeros';
  const tried: string[] = [];
  let outside: string | undefined;
  let damaged: Inspection | undefined;
  for (const path of candidates(reference, dirname(findings.file), bounds.parentDirs)) {
    const forbidden = refusedName(path);
    const refusal = forbidden === undefined ? await bounds.refusal(path) : { reason: forbidden, isOutside: false };
    if (refusal) {
      tried.push(`${path}: ${refusal.reason}`);
      if (refusal.isOutside) outside ??= path;
      continue;
    }
    const parent = await inspect(path);
    if (parent.fileIdentity !== undefined && chain.some(({ fileIdentity }) => fileIdentity === parent.fileIdentity)) {
      await parent.image?.close();
      broken(`${shown(path)} is its own ancestor`);
      return undefined;
    }
    const { firstError } = parent.findings;
    if (parent.summary && parent.summary.id !== reference.id) {
      tried.push(`${path}: its unique id is ${parent.summary.id ?? 'all zeros'}, the child asks for ${wanted}`);
      await parent.image?.close();
    } else if (firstError) {
      tried.push(errorOf(firstError).message);
      if (parent.summary) damaged ??= parent;
    } else {
      compare(child, parent, reference, findings);
      return parent;
    }
  }
  if (damaged) compare(child, damaged, reference, findings);
  else broken(`no parent with the id ${wanted} was found\n${triedLines(tried)}`, hintFor(outside));
  return damaged;
}

/** What is odd between a child and a parent with the right id. */
function compare(child: ImageSummary, parent: Inspection, reference: ParentReference, findings: Findings): void {
  const name = shown(parent.path);
  if (reference.id === undefined)
    findings.warning(
      reference.idOffset,
      'parent unique id',
      `its parent, ${name}, is known by its name only: both ids are all zeros`,
    );
  if (parent.summary?.timeStamp !== reference.timeStamp) {
    findings.warning(
      reference.timeStampOffset,
      'parent time stamp',
      `the time stamp of its parent, ${name}, is not the one it remembers; if the parent was changed after the child was made, the child is damaged`,
    );
  }
  if (parent.summary?.size !== child.size && parent.summary?.size !== undefined && child.size !== undefined) {
    findings.warning(
      undefined,
      'footer current size',
      `its size is ${child.size} bytes, its parent's ${parent.summary.size}`,
    );
  }
}

function candidates({ names }: ParentReference, folder: string, parentDirs: readonly string[]): string[] {
  return [
    ...new Set([
      ...names.flatMap((name) => parentPaths(name, folder)),
      ...parentDirs.flatMap((dir) => names.map((name) => join(dir, parentFileName(name)))),
    ]),
  ];
}

/** The files of a chain for a message: of a long one its ends. */
function chainOf(chain: readonly Inspection[]): string {
  const names = chain.map(({ path, summary }) => `${shown(path)} (${summary?.id ?? 'no id'})`);
  return (names.length <= 6 ? names : [...names.slice(0, 3), `${names.length - 5} more`, ...names.slice(-2)]).join(
    ' ← ',
  );
}

function triedLines(tried: readonly string[]): string {
  const lines = tried.slice(0, MAX_TRIED).map((line) => `  tried ${shown(line, MAX_TRIED_LENGTH)}`);
  if (tried.length > MAX_TRIED) lines.push(`  and ${tried.length - MAX_TRIED} more`);
  return lines.join('\n');
}

function hintFor(outside: string | undefined): string {
  if (outside === undefined) return 'put the parent beside its child, or name its folder with --parent-dir';
  return `if you trust the image, name the parent's folder with --parent-dir (it asks for ${shown(dirname(outside), 1000)}), or follow its paths wherever they lead with --follow-absolute-parents`;
}
