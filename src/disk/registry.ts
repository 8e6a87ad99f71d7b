import type { SourceHandle } from './file.js';
import { readEnds } from './file-ends.js';
import type { ImageFormat, OpenContext, OpenedImage } from './image.js';
import { vhd } from './vhd/image.js';

/** All formats, in the order in which they are probed. The first one also explains what is wrong with a file that no format recognises. */
const FORMATS = [vhd] as const satisfies readonly ImageFormat[];

/** The name of a format. */
export type FormatName = (typeof FORMATS)[number]['name'];

/**
 * Opens a file with the format of this name, or, without a name, with the format that recognises it. Reports problems to
 * `context.findings`; throws `disk-unreadable`. A returned image owns the handle.
 */
export async function openImage(
  file: SourceHandle,
  name: string | undefined,
  context: OpenContext,
): Promise<OpenedImage> {
  const format = name === undefined ? await recognise(file) : FORMATS.find((known) => known.name === name);
  return (format ?? FORMATS[0]).open(file, context);
}

async function recognise(file: SourceHandle): Promise<ImageFormat | undefined> {
  const ends = await readEnds(file);
  return FORMATS.find((format) => format.probe(ends));
}
