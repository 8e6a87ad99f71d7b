import { createHash, type Hash } from 'node:crypto';
import type { Layer } from '../disk.js';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { ImageSummary, OpenContext } from '../image.js';
import { Bat } from './bat.js';
import { findFooter, type FoundFooter } from './find-footer.js';
import { cylinderSize, geometrySize, type Footer } from './footer.js';
import { readHeader, type Header } from './header.js';
import { DISK_TYPE, FOOTER, HEADER, MAX_SPARSE_SIZE, SECTOR, hex } from './layout.js';
import { readLocators } from './locator.js';
import { VhdParent } from './parent.js';

/** The structures of a VHD file without errors. */
export interface Structure {
  readonly footer: Footer;
  readonly type: Layer['type'];
  /** Virtual size in bytes. */
  readonly size: number;
  /** The parts that only sparse disks have. */
  readonly sparse: { readonly header: Header; readonly bat: Bat } | undefined;
  /** SHA-256 (hex) of footer, header and BAT. */
  readonly digest: string;
}

/** The result of reading the structures of a file. */
export interface FoundStructure {
  /** Present if there is a footer of a known type. */
  readonly summary?: ImageSummary;
  /** Present if no error was found. */
  readonly structure?: Structure;
}

/**
 * Reads all structures of a file and reports everything that is wrong with them: all rules of the format are checked here. Throws
 * `disk-unreadable`.
 */
export async function readStructure(file: SourceHandle, context: OpenContext): Promise<FoundStructure> {
  const { findings, options } = context;
  const found = await findFooter(file, options, findings);
  if (!found) return {};
  const { footer } = found;
  const type = typeOf(found, findings);
  if (!type) return {};
  const size = sizeOf(found, type, findings);
  const header = type === 'fixed' ? undefined : await readHeader(file, found, options, findings);
  const hash = createHash('sha256').update(footer.bytes);
  if (header) hash.update(header.bytes);
  const { bat, parent } = header ? await readTable(file, { found, type, size, header, hash }, context) : {};
  if (size !== undefined) warnOfSurprises(found, type, size, findings);
  const summary = {
    path: file.path,
    type,
    id: footer.uniqueId,
    size,
    stamp: footer.timeStamp,
    sectorSize: SECTOR,
    parent,
  };
  const sparse = header && bat ? { header, bat } : undefined;
  if (findings.firstError || size === undefined || (type !== 'fixed' && !sparse)) {
    bat?.release();
    return { summary };
  }
  return { summary, structure: { footer, type, size, sparse, digest: hash.digest('hex') } };
}

/** What is known of a sparse disk before its BAT is read. */
interface SparseParts {
  readonly found: FoundFooter;
  readonly type: Layer['type'];
  readonly size: number | undefined;
  readonly header: Header;
  readonly hash: Hash;
}

/** Reads the BAT of a sparse disk and the name of its parent. Releases the BAT if it throws. */
async function readTable(
  file: SourceHandle,
  { found: { dataEnd }, type, size, header, hash }: SparseParts,
  { findings, memory }: OpenContext,
): Promise<{ bat?: Bat | undefined; parent?: VhdParent | undefined }> {
  const bat =
    header.hasTable && size !== undefined
      ? await Bat.read({ file, header, size, dataEnd }, { findings, digest: hash, budget: memory })
      : undefined;
  if (type !== 'differencing') return { bat };
  try {
    const names = await parentNames(file, header, dataEnd, findings);
    return { bat, parent: names && new VhdParent(header, names, size) };
  } catch (error) {
    bat?.release();
    throw error;
  }
}

function typeOf({ at, footer: { diskType } }: FoundFooter, findings: Findings): Layer['type'] | undefined {
  switch (diskType) {
    case DISK_TYPE.fixed:
      return 'fixed';
    case DISK_TYPE.dynamic:
      return 'dynamic';
    case DISK_TYPE.differencing:
      return 'differencing';
    default:
      findings.error(
        at + FOOTER.diskType[0],
        'footer disk type',
        `${hex(diskType)} is not fixed (2), dynamic (3) or differencing (4)`,
      );
      return undefined;
  }
}

/** Returns the virtual size: the current size, if the file can hold it. The CHS geometry never counts. */
function sizeOf(
  { at, footer: { currentSize }, dataEnd }: FoundFooter,
  type: Layer['type'],
  findings: Findings,
): number | undefined {
  const problem =
    currentSize === 0n
      ? 'is 0'
      : currentSize % BigInt(SECTOR) !== 0n
        ? `${currentSize} is not a multiple of ${SECTOR}`
        : type === 'fixed' && currentSize > BigInt(dataEnd)
          ? `${currentSize} is larger than the data of the file, ${dataEnd} bytes`
          : type !== 'fixed' && currentSize > MAX_SPARSE_SIZE
            ? `${currentSize} is above the limit of sparse disks, 2,040 GiB`
            : undefined;
  if (problem === undefined) return Number(currentSize);
  findings.error(at + FOOTER.currentSize[0], 'footer current size', problem);
  return undefined;
}

/** Reports what is unusual about a file and does not make it unusable. */
function warnOfSurprises(
  { footer, at, dataEnd }: FoundFooter,
  type: Layer['type'],
  size: number,
  findings: Findings,
): void {
  if (footer.savedState)
    findings.warning(
      at + FOOTER.savedState[0],
      'footer saved state',
      'the disk belongs to a virtual machine in a saved state',
      { code: 'saved-state' },
    );
  if (footer.uniqueId === undefined)
    findings.warning(at + FOOTER.uniqueId[0], 'footer unique id', 'the unique id is all zeros', { code: 'no-id' });
  const chs = geometrySize(footer);
  if (Math.abs(chs - size) >= cylinderSize(footer) && footer.geometry.cylinders < 65535) {
    findings.warning(
      at + FOOTER.diskGeometry[0],
      'footer disk geometry',
      `the CHS geometry gives ${chs} bytes; the current size, ${size}, is used`,
      { code: 'geometry' },
    );
  }
  if (type === 'fixed' && dataEnd !== size)
    findings.warning(
      size,
      'data',
      `the file holds ${dataEnd - size} bytes after the disk's ${size}; they are not part of it`,
      { code: 'trailing-data' },
    );
}

/** Returns the paths and names of the parent, the most reliable first. Returns `undefined`, and reports an error, if there are none. */
async function parentNames(
  file: SourceHandle,
  header: Header,
  dataEnd: number,
  findings: Findings,
): Promise<string[] | undefined> {
  const locators = await readLocators(file, header, dataEnd, findings);
  const names = [...locators.map(({ path }) => path), ...(header.parentName === '' ? [] : [header.parentName])];
  if (names.length > 0) return names;
  findings.error(
    header.offset + HEADER.parentLocatorEntries[0],
    'parent locator entries',
    'a differencing disk without a usable locator or parent name',
  );
  return undefined;
}
