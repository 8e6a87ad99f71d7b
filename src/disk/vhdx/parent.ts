import { displayName } from '../display-name.js';
import type { FieldPlace, ImageSummary, Judgement, ParentReference, ParentWarning } from '../image.js';
import type { Metadata } from './metadata.js';
import type { ParentLocator } from './parent-locator.js';

/** The prefix of a verbatim path of Windows, before a drive. Without it the path means the same. */
const VERBATIM_DRIVE = /^\\\\\?\\(?=[A-Za-z]:\\)/;

/** The parent of a differencing VHDX: a VHDX with the DataWriteGuid that the child's locator carries ([MS-VHDX] 2.6.2.6.3). */
export class VhdxParent implements ParentReference {
  readonly names: readonly string[];
  readonly format = 'vhdx';
  readonly place: FieldPlace;
  readonly description: string;
  readonly #locator: ParentLocator;
  readonly #child: Pick<Metadata, 'size' | 'logicalSectorSize'>;

  constructor(locator: ParentLocator, child: Pick<Metadata, 'size' | 'logicalSectorSize'>) {
    this.names = [...new Set(locator.paths.map((path) => path.replace(VERBATIM_DRIVE, '')))];
    this.place = locator.place;
    this.description = `parent with the id ${locator.linkage ?? 'all zeros'}`;
    this.#locator = locator;
    this.#child = child;
  }

  judge({ path, id, size, sectorSize }: ImageSummary): Judgement {
    const { linkage, linkage2 } = this.#locator;
    const refuse = (refusal: string): Judgement => ({ refusal, warnings: [] });
    if (id !== linkage && (linkage2 === undefined || id !== linkage2))
      return refuse(
        `its data write GUID is ${id ?? 'all zeros'}, the child asks for ${[linkage ?? 'all zeros', ...(linkage2 === undefined ? [] : [linkage2])].join(' or ')}: it is another disk, or was changed after the child was made`,
      );
    if (sectorSize !== undefined && sectorSize !== this.#child.logicalSectorSize)
      return refuse(`its sectors have ${sectorSize} bytes, those of the child ${this.#child.logicalSectorSize}`);
    const warnings: ParentWarning[] = [];
    if (id === undefined)
      warnings.push({
        ...this.place,
        code: 'parent-without-id',
        problem: `its parent, ${displayName(path)}, is known by its name only: both ids are all zeros`,
      });
    if (size !== undefined && size !== this.#child.size)
      warnings.push({
        offset: undefined,
        field: 'virtual disk size',
        code: 'parent-size',
        problem: `its size is ${this.#child.size} bytes, its parent's ${size}`,
      });
    return { refusal: undefined, warnings };
  }
}
