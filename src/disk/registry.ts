import { VhdupError } from '../errors.js';
import type { SourceHandle } from './file.js';
import { readEnds } from './file-ends.js';
import type { ImageFormat, OpenContext, OpenedImage } from './image.js';
import { qcow2 } from './qcow2/image.js';
import { hasOtherName, raw } from './raw/image.js';
import { vhd } from './vhd/image.js';
import { vhdx } from './vhdx/image.js';
import { option } from '../option-names.js';

/** All formats; raw last, because it takes only what has no mark of another format. */
const FORMATS = [vhd, vhdx, qcow2, raw] as const satisfies readonly (ImageFormat & { readonly name: FormatName })[];

const NOT_OPENED: OpenedImage = { summary: undefined, image: undefined };

/** The name of a format. */
export type FormatName = 'vhd' | 'vhdx' | 'qcow2' | 'raw';

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
  if (name !== undefined) return openAs(formatNamed(name), file, context);
  const ends = await readEnds(file);
  const [format, other] = FORMATS.filter((candidate) => candidate !== raw && candidate.probe(ends));
  // A guest can write the mark of another format into its own disk, and so choose how the file is read next time.
  if (format && other) {
    context.findings.error(undefined, undefined, `it has the marks of two formats, ${format.name} and ${other.name}`, {
      hint: `name the format that it was made in: ${option('format', format.name)} or ${option('format', other.name)}`,
    });
    return NOT_OPENED;
  }
  if (format) return openAs(format, file, context);
  if (raw.probe(ends)) return openAs(raw, file, context);
  const refused = await vhd.open(file, context);
  if (!hasOtherName(file.path))
    context.findings.hint(`if it is a raw disk, name the format with ${option('format', 'raw')}`);
  return refused;
}

/** Opens a file with a format; a snapshot that the format cannot have is an error. */
async function openAs(format: ImageFormat, file: SourceHandle, context: OpenContext): Promise<OpenedImage> {
  if (context.snapshot === undefined || format.hasSnapshots) return format.open(file, context);
  context.findings.error(undefined, undefined, `a ${format.name} image has no internal snapshots`, {
    code: 'disk-unsupported',
    hint: `leave out ${option('snapshot')}`,
  });
  return NOT_OPENED;
}

/** Returns the format with this name. Throws `usage` if there is none. */
function formatNamed(name: string): ImageFormat {
  const format = FORMATS.find((candidate) => candidate.name === name);
  if (!format)
    throw new VhdupError('usage', `unknown image format ${name}; the formats are ${FORMAT_NAMES.join(', ')}`);
  return format;
}
