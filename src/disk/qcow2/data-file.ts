import { VhdupError } from '../../errors.js';
import type { FileTimes, SourceHandle } from '../file.js';
import type { OpenContext } from '../image.js';
import { withoutPath } from '../without-path.js';
import { fileNameIn } from './backing.js';
import type { Piece } from './extensions.js';
import { HEADER } from './layout.js';

/** A further file of an image that holds the data. */
export interface DataFile {
  readonly file: SourceHandle;
  /** As the image has it. */
  readonly name: string;
  /** The times of the file before anything of it was read. */
  readonly opened: FileTimes;
}

/**
 * Opens the external data file of an image. A relative name starts from the folder of the image (in qemu, from the working directory).
 * Returns `undefined`, and reports an error, if the image does not name a file, or one that cannot be opened. Throws `disk-unreadable`.
 */
export async function openDataFile(piece: Piece | undefined, context: OpenContext): Promise<DataFile | undefined> {
  const { findings } = context;
  if (!piece) {
    findings.error(
      HEADER.incompatibleFeatures[0],
      'incompatible features',
      'the data is in an external data file, which the image does not name',
    );
    return undefined;
  }
  const name = fileNameIn(piece, 'external data file name', findings);
  if (name === undefined) return undefined;
  let file: SourceHandle;
  try {
    file = await context.openBeside(name);
  } catch (error) {
    if (!(error instanceof VhdupError)) throw error;
    findings.error(piece.offset, 'external data file name', withoutPath(error.message, findings.file), {
      code: error.code === 'disk-invalid' || error.code === 'disk-unsupported' ? error.code : 'disk-unreadable',
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
    return undefined;
  }
  try {
    return { file, name, opened: await file.statPath() };
  } catch (error) {
    await file.close();
    throw error;
  }
}
