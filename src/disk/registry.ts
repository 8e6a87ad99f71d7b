import { VhdupError } from '../errors.js';
import type { SourceHandle } from './file.js';
import { readEnds } from './file-ends.js';
import type { ImageFormat, OpenContext, OpenedImage } from './image.js';
import { hasOtherName, raw } from './raw/image.js';
import { vhd } from './vhd/image.js';
import { option } from '../option-names.js';

/** All formats, in the order in which they are probed. Raw comes last: it takes what has no mark of another format. */
const FORMATS = [vhd, raw] as const satisfies readonly (ImageFormat & { readonly name: FormatName })[];

/** The name of a format. */
export type FormatName = 'vhd' | 'raw';

/** The names of all formats. */
export const FORMAT_NAMES: readonly FormatName[] = FORMATS.map(({ name }) => name);

/**
 * Opens a file with the format of this name, or, without a name, with the format that recognises it. Reports problems to
 * `context.findings`. Throws `disk-unreadable`. A returned image owns the handle.
 */
export async function openImage(
  file: SourceHandle,
  name: string | undefined,
  context: OpenContext,
): Promise<OpenedImage> {
  if (name !== undefined) return formatNamed(name).open(file, context);
  const ends = await readEnds(file);
  const format = FORMATS.find((candidate) => candidate.probe(ends));
  if (format) return format.open(file, context);
  const refused = await vhd.open(file, context);
  if (!hasOtherName(file.path))
    context.findings.hint(`if it is a raw disk, name the format with ${option('format', 'raw')}`);
  return refused;
}

/** Returns the format with this name. Throws `usage` if there is none. */
export function formatNamed(name: string): ImageFormat {
  const format = FORMATS.find((candidate) => candidate.name === name);
  if (!format)
    throw new VhdupError('usage', `unknown image format ${name}; the formats are ${FORMAT_NAMES.join(', ')}`);
  return format;
}
