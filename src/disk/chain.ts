import type { Warning } from '../errors.js';
import { ChainDisk, closeAll } from './chain-disk.js';
import { Decompression } from './decompression.js';
import type { Disk } from './disk.js';
import type { Files } from './file.js';
import { findParent } from './find-parent.js';
import { openBeside } from './open-beside.js';
import { Findings, errorOf, isError, type Problem } from './findings.js';
import type { Image, ImageOptions, Inspection } from './image.js';
import { MemoryBudget } from './memory-budget.js';
import { ParentBounds, type ParentRules } from './parent-bounds.js';
import { FORMAT_NAMES, openImage, type FormatName } from './registry.js';
import { SECTOR } from '../bytes/sector.js';
import { FLAG, TEXT, TEXTS, checkOptions, oneOf, type OptionRules } from '../option-rules.js';

const MIB = 1024 * 1024;

/** How a disk and its parents are opened. */
export interface ChainOptions extends ImageOptions, ParentRules {
  /** The format of the disk itself; its parents have the format that it names. Default: what the content says. */
  readonly format?: FormatName | undefined;
  /** The snapshot within the disk's own image to read, by id or name. Default: the present state. */
  readonly snapshot?: string | undefined;
  /** Round the size up to a multiple of 1 MiB, with zeros after the disk: the service starts machines from no other. Default false. */
  readonly align?: boolean | undefined;
}

/** What these options have to be. */
export const CHAIN_RULES: OptionRules<ChainOptions> = {
  format: oneOf(...FORMAT_NAMES),
  snapshot: TEXT,
  align: FLAG,
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
  const decompression = new Decompression();
  try {
    for await (const { inspection, chainProblems } of walkChain(path, files, options, { memory, decompression })) {
      if (inspection?.image) images.push(inspection.image);
      const problems = [...chainProblems, ...(inspection?.findings.problems ?? [])];
      const error = problems.find(isError);
      if (error) throw errorOf(error);
      if (!inspection?.image) throw new TypeError(`${path}: refused without an error`);
      warnings.push(...chainProblems.map(({ code, file, message }) => ({ code, message: `${file}: ${message}` })));
    }
    return new ChainDisk(images, { warnings, align: options.align ? MIB : SECTOR, decompression });
  } catch (error) {
    await closeAll(images);
    await decompression.close();
    throw error;
  }
}

/** What the images of a chain share. */
export interface ChainResources {
  /** For their structures. */
  readonly memory: MemoryBudget;
  /** The caller closes it. */
  readonly decompression: Decompression;
}

/** Walks from an image to its root, the top first, as far as parents are found. The caller closes the images that it yields. */
export async function* walkChain(
  path: string,
  files: Files,
  options: ChainOptions,
  resources: ChainResources,
): AsyncGenerator<Link> {
  checkOptions(options, CHAIN_RULES);
  const bounds = new ParentBounds(path, files, options);
  const shared = { files, bounds, resources, options };
  const chain = [await inspectFile(path, { ...shared, format: options.format, snapshot: options.snapshot })];
  yield { inspection: chain[0], chainProblems: [] };
  const inspect = (at: string, format: string | undefined) => inspectFile(at, { ...shared, format });
  for (let child = chain[0]; child?.summary?.parent; child = chain.at(-1)) {
    const findings = new Findings(child.path);
    const inspection = await findParent(child.summary.parent, { chain, bounds, inspect, findings });
    yield { inspection, chainProblems: findings.problems };
    if (!inspection) return;
    chain.push(inspection);
  }
}

/** How one file of a chain is opened. */
interface FileOptions {
  readonly files: Files;
  readonly bounds: ParentBounds;
  /** `undefined`: what the content says. */
  readonly format: string | undefined;
  /** `undefined`: the present state. */
  readonly snapshot?: string | undefined;
  readonly resources: ChainResources;
  readonly options: ImageOptions;
}

async function inspectFile(
  path: string,
  { files, bounds, format, resources, options, snapshot }: FileOptions,
): Promise<Inspection> {
  const findings = new Findings(path);
  const fileIds: string[] = [];
  try {
    const file = await files.open(path);
    fileIds.push(file.identity);
    let image: Image | undefined;
    try {
      const result = await openImage(file, format, {
        findings,
        ...resources,
        options,
        snapshot,
        openBeside: async (name) => {
          const other = await openBeside(name, { path, files, bounds, used: fileIds });
          fileIds.push(other.identity);
          return other;
        },
      });
      image = result.image;
      return { path, fileIds, findings, ...result };
    } finally {
      if (!image) await file.close();
    }
  } catch (error) {
    findings.unreadable(error);
    return { path, fileIds, findings, summary: undefined, image: undefined };
  }
}
