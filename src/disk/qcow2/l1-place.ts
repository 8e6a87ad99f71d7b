import { SECTOR } from '../../bytes/sector.js';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { OpenContext } from '../image.js';
import { geometryOf } from './geometry.js';
import type { Header } from './header.js';
import { HEADER, L1_ENTRY, MAX_L1_ENTRIES, MAX_SIZE, SNAPSHOT } from './layout.js';
import { chooseSnapshot, type Snapshot, type SnapshotTable } from './snapshots.js';

/** The disk that is read: the present state, or a snapshot. Offsets and sizes in bytes. */
export interface L1Location {
  readonly l1Offset: number;
  readonly size: number;
}

/** A header, and the snapshot table if there is one. */
interface Chosen {
  readonly header: Header;
  readonly table: SnapshotTable | undefined;
}

/**
 * Returns the place of the L1 table that is read, and the snapshot if one is requested. Reports what is wrong with the place of the
 * active table, which is always checked, and with that of the snapshot's.
 */
export function l1PlaceOf(
  file: SourceHandle,
  { header, table }: Chosen,
  { findings, snapshot: wanted }: OpenContext,
): { readonly snapshot?: Snapshot | undefined; readonly place?: L1Location | undefined } {
  const active = checkL1Place(file, header, { ...header, findings, at: 0, prefix: '' });
  if (wanted === undefined || findings.firstError) return { place: active };
  const snapshot = chooseSnapshot(wanted, table?.snapshots ?? [], findings);
  if (!snapshot) return {};
  if (header.hasDataFile)
    findings.error(
      snapshot.offset,
      'snapshot',
      'an image with an external data file has no snapshots that can be read',
      {
        code: 'disk-unsupported',
      },
    );
  const name = `of snapshot table entry ${table?.snapshots.indexOf(snapshot) ?? 0}`;
  const place = checkL1Place(file, header, { ...snapshot, findings, at: snapshot.offset, prefix: name });
  return { snapshot, place };
}

interface L1Fields {
  readonly size: bigint;
  readonly l1Size: number;
  readonly l1Offset: bigint;
  readonly findings: Findings;
  /** Offset of the structure that holds the fields. */
  readonly at: number;
  /** What is added to the names of fields; empty for the header. */
  readonly prefix: string;
}

function checkL1Place(
  file: SourceHandle,
  header: Header,
  { size, l1Size, l1Offset, findings, at, prefix }: L1Fields,
): L1Location | undefined {
  const fields = prefix === '' ? { ...HEADER } : { size: SNAPSHOT.virtualSize, ...SNAPSHOT };
  const refuse = (field: 'size' | 'l1Size' | 'l1TableOffset', name: string, problem: string): undefined => {
    findings.error(at + fields[field][0], prefix === '' ? name : `${name} ${prefix}`, problem);
  };
  if (size < BigInt(SECTOR) || size > BigInt(MAX_SIZE) || l1Size > MAX_L1_ENTRIES) {
    if (prefix !== '') refuse('size', 'size', `${size} bytes with ${l1Size} L1 entries are not supported`);
    return undefined;
  }
  const whole = Number(size - (size % BigInt(SECTOR)));
  if (BigInt(whole) !== size)
    findings.warning(
      at + fields.size[0],
      'size',
      `${size} bytes are not a multiple of ${SECTOR}: the rest is left out`,
      {
        code: 'partial-sector',
      },
    );
  const { clusterSize, tableEntries } = geometryOf(header);
  if (Math.ceil(whole / (clusterSize * tableEntries)) > l1Size) {
    refuse('l1Size', 'L1 size', `${l1Size} entries are too few for ${size} bytes`);
    return;
  }
  if (l1Offset === 0n || l1Offset % BigInt(clusterSize) !== 0n) {
    refuse('l1TableOffset', 'L1 table offset', `${l1Offset} is not the start of a cluster behind the header`);
    return;
  }
  if (l1Offset + BigInt(l1Size * L1_ENTRY) > BigInt(file.size)) {
    refuse(
      'l1TableOffset',
      'L1 table offset',
      `${l1Size} entries at ${l1Offset} go beyond the end of the file at ${file.size}`,
    );
    return;
  }
  return { l1Offset: Number(l1Offset), size: whole };
}
