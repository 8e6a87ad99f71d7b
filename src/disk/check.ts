import { walkChain } from './chain.js';
import { closeAll, layersOf } from './chain-disk.js';
import { Decompression } from './decompression.js';
import type { Layer } from './disk.js';
import { localFiles, type Files } from './file.js';
import { isError, type DiskError, type DiskWarning, type Problem } from './findings.js';
import type { Image } from './image.js';
import { MemoryBudget } from './memory-budget.js';
import type { OpenOptions } from './open.js';

/** A file of the chain that was checked. Of a damaged file some values are unknown. */
export interface CheckedFile {
  readonly path: string;
  readonly type: Layer['type'] | undefined;
  readonly id: string | undefined;
  /** Virtual size in bytes. */
  readonly virtualSize: number | undefined;
}

/** Everything that is wrong with a disk. `openDisk` opens it exactly if there are no errors. */
export interface CheckReport {
  /** The files of the chain, top first, down to the first parent that was not found. */
  readonly files: readonly CheckedFile[];
  readonly errors: readonly DiskError[];
  readonly warnings: readonly DiskWarning[];
}

/**
 * Checks every structure of a disk and of its parents. Follows the rules of `openDisk`, but does not stop at the first error.
 * A file that cannot be read is one of the errors.
 */
export function checkDisk(path: string, options: OpenOptions = {}): Promise<CheckReport> {
  return checkDiskFrom(localFiles, path, options);
}

/** Does what `checkDisk` does, with other files than those of this machine. */
export async function checkDiskFrom(source: Files, path: string, options: OpenOptions = {}): Promise<CheckReport> {
  const files: CheckedFile[] = [];
  const problems: Problem[] = [];
  const images: Image[] = [];
  const resources = { memory: new MemoryBudget(), decompression: new Decompression() };
  try {
    for await (const { inspection, chainProblems } of walkChain(path, source, options, resources)) {
      problems.push(...chainProblems, ...(inspection?.findings.problems ?? []));
      if (!inspection) continue;
      if (inspection.image) images.push(inspection.image);
      const { type, id, size } = inspection.summary ?? {};
      files.push({ path: inspection.path, type, id, virtualSize: size });
    }
  } finally {
    await closeAll(images);
    await resources.decompression.close();
  }
  const errors = problems.filter(isError);
  return {
    files: errors.length === 0 ? withIds(files, images) : files,
    errors,
    warnings: problems.filter((problem) => !isError(problem)),
  };
}

/** Returns the files of a sound chain with the ids of its layers: some depend on the parent, which is found later. */
function withIds(files: readonly CheckedFile[], images: readonly Image[]): readonly CheckedFile[] {
  const layers = layersOf(images);
  return files.map((file, index) => ({ ...file, id: layers[index]?.id }));
}
