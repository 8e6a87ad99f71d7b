import type { Warning } from '../errors.js';
import { ChainDisk, closeAll } from './chain-disk.js';
import type { Disk } from './disk.js';
import type { Files } from './file.js';
import { findParent } from './find-parent.js';
import { Findings, errorOf, isError, type Problem } from './findings.js';
import type { Image, ImageOptions, Inspection } from './image.js';
import { MemoryBudget } from './memory-budget.js';
import { ParentBounds, type ParentRules } from './parent-bounds.js';
import { FORMAT_NAMES, openImage, type FormatName } from './registry.js';
import { FLAG, TEXTS, checkOptions, oneOf, type OptionRules } from '../option-rules.js';

/** How a disk and its parents are opened. */
export interface ChainOptions extends ImageOptions, ParentRules {
  /** The format of the disk itself; its parents have the format that it names. Default: what the content says. */
  readonly format?: FormatName | undefined;
}

/** What these options have to be. */
export const CHAIN_RULES: OptionRules<ChainOptions> = {
  format: oneOf(...FORMAT_NAMES),
  parentDirs: TEXTS,
  followAbsoluteParents: FLAG,
  ignoreChecksum: FLAG,
};

/** One image of the chain, and everything that is wrong with it and with the step that led to it. */
export interface Link {
  /** `undefined` if the child's parent was not found. */
  readonly inspection: Inspection | undefined;
  /** Problems between the child and this image. */
  readonly chainProblems: readonly Problem[];
}

/** Opens an image and all its parents, the top first. Throws the first error that was found. `memory`: for their structures. */
export async function openChain(
  path: string,
  files: Files,
  options: ChainOptions = {},
  memory = new MemoryBudget(),
): Promise<Disk> {
  const images: Image[] = [];
  const warnings: Warning[] = [];
  try {
    for await (const { inspection, chainProblems } of walkChain(path, files, options, memory)) {
      if (inspection?.image) images.push(inspection.image);
      const problems = [...chainProblems, ...(inspection?.findings.problems ?? [])];
      const error = problems.find(isError);
      if (error) throw errorOf(error);
      if (!inspection?.image) throw new TypeError(`${path}: refused without an error`);
      warnings.push(...chainProblems.map(({ code, file, message }) => ({ code, message: `${file}: ${message}` })));
    }
    return new ChainDisk(images, warnings);
  } catch (error) {
    await closeAll(images);
    throw error;
  }
}

/** Walks from an image to its root, the top first, as far as parents are found. The caller closes the images that it yields. */
export async function* walkChain(
  path: string,
  files: Files,
  options: ChainOptions,
  memory = new MemoryBudget(),
): AsyncGenerator<Link> {
  checkOptions(options, CHAIN_RULES);
  const inspect = (at: string, format: string | undefined) => inspectFile(at, files, { format, memory, options });
  const chain = [await inspect(path, options.format)];
  yield { inspection: chain[0], chainProblems: [] };
  let bounds: ParentBounds | undefined;
  for (let child = chain[0]; child?.summary?.parent; child = chain.at(-1)) {
    bounds ??= await ParentBounds.of(path, files, options);
    const findings = new Findings(child.path);
    const inspection = await findParent(child.summary.parent, { chain, bounds, inspect, findings });
    yield { inspection, chainProblems: findings.problems };
    if (!inspection) return;
    chain.push(inspection);
  }
}

/** How one file of a chain is opened. */
interface FileOptions {
  /** `undefined`: what the content says. */
  readonly format: string | undefined;
  readonly memory: MemoryBudget;
  readonly options: ImageOptions;
}

async function inspectFile(path: string, files: Files, { format, memory, options }: FileOptions): Promise<Inspection> {
  const findings = new Findings(path);
  let fileIdentity: string | undefined;
  try {
    const file = await files.open(path);
    fileIdentity = file.identity;
    let image: Image | undefined;
    try {
      const result = await openImage(file, format, { findings, memory, options });
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
