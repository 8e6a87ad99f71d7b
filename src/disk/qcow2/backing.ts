import { displayName } from '../display-name.js';
import type { Findings } from '../findings.js';
import type { FieldPlace, ImageSummary, Judgement, ParentReference } from '../image.js';
import type { Extensions, Piece } from './extensions.js';
import type { Header } from './header.js';
import { MAX_NAME } from './layout.js';

/** The names of formats in images, which are those of qemu, and the names in `registry.ts`. */
const FORMATS: ReadonlyMap<string, string> = new Map([
  ['raw', 'raw'],
  ['qcow2', 'qcow2'],
  ['vpc', 'vhd'],
  ['vhdx', 'vhdx'],
]);
/** The start of a name that qemu reads as a protocol, such as `json:` or `nbd:`. A drive letter before a separator is not one. */
const PROTOCOL = /^(?![A-Za-z]:[\\/])[A-Za-z][A-Za-z0-9+.-]*:/;
const FILE_PREFIX = 'file:';
const CONTROL = /[\u0000-\u001f\u007f]/;

/** The backing file of an image, as its header names it. */
export interface Backing {
  readonly name: string;
  /** As the image has it; `undefined` if it does not say it. */
  readonly formatName: string | undefined;
  readonly reference: ParentReference;
}

/**
 * Returns the backing file of an image; `undefined` if it has none, or one that cannot be used, which is reported before anything is
 * opened.
 */
export function readBacking(header: Header, { backingFormat }: Extensions, findings: Findings): Backing | undefined {
  if (!header.backingName) return undefined;
  const { offset, length } = header.backingName;
  const piece = { offset, bytes: header.bytes.subarray(offset, offset + length) };
  const name = fileNameIn(piece, 'backing file name', findings);
  const formatName = backingFormat && Buffer.from(backingFormat.bytes).toString('utf8');
  if (formatName !== undefined && !FORMATS.has(formatName)) {
    findings.error(
      backingFormat?.offset,
      'backing file format',
      `${displayName(formatName)} is not supported; supported are ${[...FORMATS.keys()].join(', ')}`,
      { code: 'disk-unsupported' },
    );
    return undefined;
  }
  if (name === undefined) return undefined;
  if (formatName === undefined)
    findings.warning(
      offset,
      'backing file format',
      `the image does not say which format ${displayName(name)} has: its content decides`,
      { code: 'backing-format-missing' },
    );
  return { name, formatName, reference: new BackingFile(name, formatName, offset) };
}

/** The parent of an image. The image stores only its name, so every file with that name is accepted. */
class BackingFile implements ParentReference {
  readonly names: readonly string[];
  readonly format: string | undefined;
  readonly place: FieldPlace;
  readonly description: string;

  constructor(name: string, formatName: string | undefined, offset: number) {
    this.names = [name];
    this.format = formatName === undefined ? undefined : FORMATS.get(formatName);
    this.place = { offset, field: 'backing file name' };
    this.description = `backing file ${displayName(name)}`;
  }

  judge({ path }: ImageSummary): Judgement {
    const problem = `its parent, ${displayName(path)}, is known by its name only: if it was changed after the child was made, the child is damaged`;
    return { refusal: undefined, warnings: [{ ...this.place, code: 'parent-without-id', problem }] };
  }
}

/**
 * Returns the name of a file that an image names, without `file:`. Returns `undefined`, and reports an error, if it is not the name
 * of a file.
 */
export function fileNameIn({ offset, bytes }: Piece, field: string, findings: Findings): string | undefined {
  if (bytes.length > MAX_NAME || bytes.length === 0) {
    findings.error(offset, field, `it has ${bytes.length} bytes, not 1 to ${MAX_NAME}`);
    return undefined;
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    findings.error(offset, field, `${displayName(Buffer.from(bytes).toString('latin1'))} is not UTF-8`);
    return undefined;
  }
  if (CONTROL.test(text)) {
    findings.error(offset, field, `${displayName(text)} holds a control character`);
    return undefined;
  }
  const name = text.startsWith(FILE_PREFIX) ? text.slice(FILE_PREFIX.length) : text;
  if (name === '' || PROTOCOL.test(name)) {
    findings.error(offset, field, `${displayName(text)} is not the name of a file`, { code: 'disk-unsupported' });
    return undefined;
  }
  return name;
}
