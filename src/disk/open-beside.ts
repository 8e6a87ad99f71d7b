import { dirname } from 'node:path';
import { VhdupError } from '../errors.js';
import { displayName } from './display-name.js';
import type { Files, SourceHandle } from './file.js';
import { hintFor, type ParentBounds } from './parent-bounds.js';
import { candidatePaths } from './parent-path.js';

/** The image that names another file, and the bounds for that file. */
export interface BesideContext {
  /** Path of the image. */
  readonly path: string;
  readonly files: Files;
  readonly bounds: ParentBounds;
  /** The files of the image that are open already, by `SourceHandle.identity`: none may occur twice. */
  readonly used: readonly string[];
}

/**
 * Opens another file of an image by the name that the image has for it, within the bounds of parents. Throws `disk-unsupported` if the
 * name leads out of the bounds or to a file of the image that is open already, and `disk-unreadable`.
 */
export async function openBeside(name: string, { path, files, bounds, used }: BesideContext): Promise<SourceHandle> {
  const tried: string[] = [];
  let outside: string | undefined;
  for (const candidate of candidatePaths([name], dirname(path), bounds.parentDirs)) {
    const refusal = await bounds.refusal(candidate);
    if (refusal) {
      tried.push(`${displayName(candidate)}: ${refusal.reason}`);
      if (refusal.isOutside) outside ??= candidate;
      continue;
    }
    const file = await files.open(candidate);
    if (!used.includes(file.identity)) return file;
    await file.close();
    throw new VhdupError('disk-invalid', `${path}: it names ${displayName(candidate)}, which is a file of it already`);
  }
  throw new VhdupError(
    outside === undefined ? 'disk-unreadable' : 'disk-unsupported',
    `${path}: the file ${displayName(name)} of the image cannot be used: ${tried.join('; ')}`,
    { hint: hintFor(outside) },
  );
}
