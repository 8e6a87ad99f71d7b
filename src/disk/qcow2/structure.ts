import { SECTOR } from '../../bytes/sector.js';
import type { SourceHandle } from '../file.js';
import type { ImageSummary, OpenContext } from '../image.js';
import { derivedId } from '../derived-id.js';
import { readBacking, type Backing } from './backing.js';
import { openDataFile, type DataFile } from './data-file.js';
import { checkFeatures, readExtensions } from './extensions.js';
import { geometryOf, type Geometry } from './geometry.js';
import { readHeader, type Header, type HeaderFields } from './header.js';
import { l1PlaceOf, type L1Location } from './l1-place.js';
import { HEADER, L1_ENTRY } from './layout.js';
import { readSnapshots, type Snapshot, type SnapshotTable } from './snapshots.js';
import { StructureDigest } from './structure-digest.js';
import { Tables, type Occupied } from './tables.js';

/** Name of the format. */
export const FORMAT = 'qcow2';

/** The structures of an image without errors. */
export interface Structure {
  readonly header: HeaderFields;
  /** Bytes of the first cluster, as far as the file has it. */
  readonly headBytes: number;
  readonly geometry: Geometry;
  readonly tables: Tables;
  /** Virtual size in bytes. */
  readonly size: number;
  readonly snapshots: readonly Snapshot[];
  /** The snapshot that is read; `undefined`: the present state. */
  readonly snapshot: Snapshot | undefined;
  readonly backing: Backing | undefined;
  readonly dataFile: DataFile | undefined;
  /** The derived id; `undefined` for an image with a backing file, whose id depends on that of its parent. */
  readonly id: string | undefined;
  /** SHA-256 (hex) of header, L1 and L2 tables. */
  readonly digest: string;
}

/** The result of reading the structures of a file. */
export interface FoundStructure {
  /** Present if there is a header. */
  readonly summary: ImageSummary | undefined;
  /** Present if no error was found. */
  readonly structure: Structure | undefined;
}

/**
 * Reads all structures of a file and reports everything that is wrong with them. Throws `disk-unreadable`; then only the file
 * that was passed stays open.
 */
export async function readStructure(file: SourceHandle, context: OpenContext): Promise<FoundStructure> {
  const { findings } = context;
  const header = await readHeader(file, findings);
  if (!header) return { summary: undefined, structure: undefined };
  const extensions = readExtensions(header, findings);
  checkFeatures(header, extensions, findings);
  const backing = readBacking(header, extensions, findings);
  if (header.isDataFileRaw && header.backingName)
    findings.error(
      HEADER.autoclearFeatures[0],
      'autoclear features',
      'a raw data file and a backing file exclude each other',
    );
  const table = await readSnapshots(file, header, findings);
  const { snapshot, place } = l1PlaceOf(file, { header, table }, context);
  let dataFile: DataFile | undefined;
  let tables: Tables | undefined;
  const digest = digestOf(header, place);
  try {
    if (place && !findings.firstError && header.hasDataFile)
      dataFile = await openDataFile(extensions.dataFile, context);
    if (place && !findings.firstError)
      tables = await Tables.read({
        file,
        geometry: geometryOf(header),
        ...place,
        dataSize: dataFile?.file.size ?? file.size,
        occupied: occupiedBy(header, { table, snapshot }),
        findings,
        digest,
        memory: context.memory,
      });
    const size = place?.size;
    const isRoot = header.backingName === undefined;
    const id =
      tables && isRoot && size !== undefined ? derivedId({ format: FORMAT, token: [tables.token], size }) : undefined;
    const summary: ImageSummary = {
      path: file.path,
      type: isRoot ? 'dynamic' : 'differencing',
      id,
      size,
      stamp: undefined,
      sectorSize: SECTOR,
      parent: backing?.reference,
    };
    if (!tables || size === undefined || findings.firstError) {
      tables?.release();
      await dataFile?.file.close();
      return { summary, structure: undefined };
    }
    const { bytes, ...fields } = header;
    return {
      summary,
      structure: {
        header: fields,
        headBytes: bytes.length,
        geometry: geometryOf(header),
        tables,
        size,
        snapshots: table?.snapshots ?? [],
        snapshot,
        backing,
        dataFile,
        id,
        digest: digest.finish(),
      },
    };
  } catch (error) {
    tables?.release();
    await dataFile?.file.close();
    throw error;
  }
}

/** Returns the structures that clusters must not overlap. */
function occupiedBy(
  header: Header,
  { table, snapshot }: { readonly table: SnapshotTable | undefined; readonly snapshot: Snapshot | undefined },
): Occupied[] {
  const l1 = ({ l1Offset, l1Size }: Pick<Header, 'l1Offset' | 'l1Size'>, field: string, fieldOffset: number) => ({
    offset: Number(l1Offset),
    length: l1Size * L1_ENTRY,
    field,
    fieldOffset,
  });
  return [
    { offset: 0, length: header.bytes.length, field: 'header', fieldOffset: 0 },
    l1(header, 'L1 table offset', HEADER.l1TableOffset[0]),
    ...(table ? [{ ...table, field: 'snapshots offset', fieldOffset: HEADER.snapshotsOffset[0] }] : []),
    ...(snapshot ? [l1(snapshot, 'L1 table offset of the snapshot', snapshot.offset)] : []),
  ];
}

function digestOf(header: Header, place: L1Location | undefined): StructureDigest {
  const digest = new StructureDigest();
  digest.addBytes(header.bytes);
  digest.addBytes(Buffer.from(`${place?.l1Offset ?? 0} ${place?.size ?? 0}`));
  return digest;
}

/** Returns the digest of the structures that the file has now. Throws `disk-unreadable`. */
export async function currentDigest(
  file: SourceHandle,
  { header, headBytes, size, snapshot, tables }: Structure,
): Promise<string> {
  const digest = new StructureDigest();
  const bytes = new Uint8Array(headBytes);
  await file.read(0, bytes);
  digest.addBytes(bytes);
  digest.addBytes(Buffer.from(`${Number((snapshot ?? header).l1Offset)} ${size}`));
  await tables.readAgain(digest);
  return digest.finish();
}
