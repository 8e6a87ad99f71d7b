import { displayName } from '../display-name.js';
import type { FieldPlace, ImageSummary, Judgement, ParentReference, ParentWarning } from '../image.js';
import type { Header } from './header.js';
import { HEADER } from './layout.js';

/** The parent of a differencing VHD: a VHD with the unique id that the child's header carries. */
export class VhdParent implements ParentReference {
  readonly names: readonly string[];
  readonly format = 'vhd';
  readonly place: FieldPlace;
  readonly description: string;
  readonly #header: Header;
  readonly #childSize: number | undefined;

  /** `names`: the paths and names of the parent, the most reliable first. `childSize`: virtual size of the child in bytes. */
  constructor(header: Header, names: readonly string[], childSize: number | undefined) {
    this.names = [...new Set(names)];
    this.place = { offset: header.offset + HEADER.parentUniqueId[0], field: 'parent unique id' };
    this.description = `parent with the id ${header.parentId ?? 'all zeros'}`;
    this.#header = header;
    this.#childSize = childSize;
  }

  judge(candidate: ImageSummary): Judgement {
    const { parentId } = this.#header;
    if (candidate.id === parentId) return { refusal: undefined, warnings: this.#warnings(candidate) };
    return {
      refusal: `its unique id is ${candidate.id ?? 'all zeros'}, the child asks for ${parentId ?? 'all zeros'}`,
      warnings: [],
    };
  }

  #warnings({ path, size, stamp }: ImageSummary): ParentWarning[] {
    const name = displayName(path);
    const { offset, parentId, parentTimeStamp } = this.#header;
    const warnings: ParentWarning[] = [];
    if (parentId === undefined)
      warnings.push({
        ...this.place,
        code: 'parent-without-id',
        problem: `its parent, ${name}, is known by its name only: both ids are all zeros`,
      });
    if (stamp !== parentTimeStamp)
      warnings.push({
        offset: offset + HEADER.parentTimeStamp[0],
        field: 'parent time stamp',
        code: 'parent-time-stamp',
        problem: `the time stamp of its parent, ${name}, is not the one it remembers; if the parent was changed after the child was made, the child is damaged`,
      });
    if (size !== undefined && this.#childSize !== undefined && size !== this.#childSize)
      warnings.push({
        offset: undefined,
        field: 'footer current size',
        code: 'parent-size',
        problem: `its size is ${this.#childSize} bytes, its parent's ${size}`,
      });
    return warnings;
  }
}
