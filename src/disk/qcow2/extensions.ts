import { bytesOf, hex, uint32 } from '../big-endian.js';
import { displayName } from '../display-name.js';
import type { Findings } from '../findings.js';
import { hasBit, type Header } from './header.js';
import { EXTENSION, EXTENSION_HEAD, FEATURE_NAME, FEATURE_NAME_LENGTH, HEADER, INCOMPATIBLE } from './layout.js';

/** A piece of the first cluster. */
export interface Piece {
  /** Offset in the file, in bytes. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The header extensions that matter to a reader (qcow2.rst, "Header extensions"). */
export interface Extensions {
  readonly backingFormat: Piece | undefined;
  readonly dataFile: Piece | undefined;
  readonly featureNames: Piece | undefined;
}

/** The extensions that may be there once. */
const KNOWN: ReadonlyMap<number, string> = new Map([
  [EXTENSION.backingFormat, 'backing file format'],
  [EXTENSION.dataFile, 'external data file name'],
  [EXTENSION.featureNames, 'feature name table'],
  [EXTENSION.encryption, 'encryption header'],
]);

/** Reads the header extensions; reports those that do not fit into their area, occur twice, or are of encryption. */
export function readExtensions(header: Header, findings: Findings): Extensions {
  const found = new Map<number, Piece>();
  for (const { type, offset, bytes } of extensionsOf(header, findings)) {
    const name = KNOWN.get(type);
    if (name === undefined) continue;
    if (found.has(type)) findings.error(offset, `header extension ${hex(type)}`, `the ${name} occurs twice`);
    else found.set(type, { offset: offset + EXTENSION_HEAD, bytes });
  }
  const encryption = found.get(EXTENSION.encryption);
  if (encryption)
    findings.error(encryption.offset - EXTENSION_HEAD, 'encryption header', 'the image is encrypted', {
      code: 'disk-unsupported',
    });
  return {
    backingFormat: found.get(EXTENSION.backingFormat),
    dataFile: found.get(EXTENSION.dataFile),
    featureNames: found.get(EXTENSION.featureNames),
  };
}

/** Yields the extensions up to the end mark, the backing file name, or the end of the first cluster. `offset`: of the type. */
function* extensionsOf(
  { bytes, headerLength, backingName }: Header,
  findings: Findings,
): Generator<Piece & { readonly type: number }> {
  const end = backingName?.offset ?? bytes.length;
  for (let offset = headerLength; offset + EXTENSION_HEAD <= end;) {
    const type = uint32(bytes, [offset, 4]);
    if (type === EXTENSION.end) return;
    const length = uint32(bytes, [offset + 4, 4]);
    const start = offset + EXTENSION_HEAD;
    if (start + length > end) {
      findings.error(
        offset + 4,
        `length of header extension ${hex(type)}`,
        `${length} bytes from ${start} go beyond the end of the extensions at ${end}`,
      );
      return;
    }
    yield { type, offset, bytes: bytes.subarray(start, start + length) };
    offset = start + Math.ceil(length / 8) * 8;
  }
}

/**
 * Reports an error for each incompatible feature that is not known, with the name that the image has for it, and for an image that is
 * marked as corrupt. Warns of one that is marked as dirty.
 */
export function checkFeatures({ incompatible }: Header, { featureNames }: Extensions, findings: Findings): void {
  const [offset] = HEADER.incompatibleFeatures;
  const known: readonly number[] = Object.values(INCOMPATIBLE);
  for (let bit = 0; bit < 64; bit++) {
    if (!hasBit(incompatible, bit) || known.includes(bit)) continue;
    const name = featureName(featureNames?.bytes, bit);
    findings.error(
      offset,
      'incompatible features',
      `bit ${bit} is set, ${name === undefined ? 'a feature that is not known' : `the feature ${displayName(name)}`}`,
      { code: 'disk-unsupported' },
    );
  }
  if (hasBit(incompatible, INCOMPATIBLE.corrupt))
    findings.error(offset, 'incompatible features', 'the image is marked as corrupt', {
      hint: 'repair a copy of it: qemu-img check -r all …',
    });
  if (hasBit(incompatible, INCOMPATIBLE.dirty))
    findings.warning(
      offset,
      'incompatible features',
      'the image is marked as dirty: it was not closed properly, or is in use; its content is read as its tables have it',
      { code: 'dirty' },
    );
}

/** Returns the name of an incompatible feature (type 0) from the feature name table. */
function featureName(table: Uint8Array | undefined, bit: number): string | undefined {
  if (!table) return undefined;
  for (let at = 0; at + FEATURE_NAME_LENGTH <= table.length; at += FEATURE_NAME_LENGTH) {
    const entry = table.subarray(at, at + FEATURE_NAME_LENGTH);
    if (entry[FEATURE_NAME.type[0]] !== 0 || entry[FEATURE_NAME.bit[0]] !== bit) continue;
    const name = Buffer.from(bytesOf(entry, FEATURE_NAME.name)).toString('utf8').replace(/\0.*$/s, '');
    return name === '' ? undefined : name;
  }
  return undefined;
}
