import { formatSize } from '../../bytes/format-size.js';
import type { LayerDetail } from '../disk.js';
import { displayName } from '../display-name.js';
import type { Backing } from './backing.js';
import type { Geometry } from './geometry.js';
import type { HeaderFields } from './header.js';
import type { Snapshot } from './snapshots.js';

/** At most this many snapshots are listed. */
const MAX_LISTED = 1000;
/** At most this many are listed in the text for people. */
const MAX_IN_TEXT = 8;
/** Longer names are shortened, in characters. */
const MAX_NAME = 200;
/** The limit for names of files in JSON: longer than any name in an image. */
const MAX_FILE_NAME = 1100;

/** What an image says about itself. */
export interface Described {
  readonly header: HeaderFields;
  readonly geometry: Geometry;
  readonly compressedClusters: number;
  readonly snapshots: readonly Snapshot[];
  /** The one that is read. */
  readonly snapshot: Snapshot | undefined;
  readonly backing: Backing | undefined;
  readonly dataFile: string | undefined;
}

/** Returns what only QCOW2 images say about themselves. Properties with their usual value are left out. */
export function detailsOf(image: Described): LayerDetail[] {
  const { header, geometry, compressedClusters, snapshots, snapshot, backing, dataFile } = image;
  const details: LayerDetail[] = [
    {
      name: 'version',
      label: 'version',
      value: header.version,
      text: header.version === 2 ? '2 (compat 0.10)' : '3 (compat 1.1)',
    },
    size('clusterSize', 'cluster size', geometry.clusterSize),
  ];
  if (geometry.isExtended) details.push(size('subclusterSize', 'subcluster size', geometry.unitSize));
  if (compressedClusters > 0)
    details.push(named('compression', 'compression', header.compression), {
      name: 'compressedClusters',
      label: 'compressed clusters',
      value: compressedClusters,
      text: String(compressedClusters),
    });
  if (header.refcountBits !== 16)
    details.push({
      name: 'refcountBits',
      label: 'refcount bits',
      value: header.refcountBits,
      text: String(header.refcountBits),
    });
  const features = featuresOf(header);
  if (features.length > 0)
    details.push({ name: 'features', label: 'features', value: features, text: features.join(', ') });
  if (snapshots.length > 0) details.push(snapshotList(snapshots));
  if (snapshot) details.push(named('snapshot', 'snapshot', snapshot.id, snapshotName(snapshot)));
  if (backing) {
    details.push(named('backingFile', 'backing file', backing.name));
    if (backing.formatName !== undefined) details.push(named('backingFormat', 'backing format', backing.formatName));
  }
  if (dataFile !== undefined) details.push(named('dataFile', 'data file', dataFile));
  return details;
}

function size(name: string, label: string, value: number): LayerDetail {
  return { name, label, value, text: formatSize(value) };
}

function named(name: string, label: string, value: string, text = displayName(value, MAX_NAME)): LayerDetail {
  return { name, label, value: displayName(value, MAX_FILE_NAME), text };
}

function featuresOf(header: HeaderFields): string[] {
  return [
    ...(header.isDirty ? ['dirty'] : []),
    ...(header.hasLazyRefcounts ? ['lazy refcounts'] : []),
    ...(header.hasExtendedL2 ? ['extended L2'] : []),
    ...(header.hasDataFile ? [header.isDataFileRaw ? 'raw data file' : 'data file'] : []),
    ...(header.hasBitmaps ? ['bitmaps'] : []),
  ];
}

function snapshotList(snapshots: readonly Snapshot[]): LayerDetail {
  const texts = snapshots.slice(0, MAX_IN_TEXT).map(snapshotName);
  if (snapshots.length > MAX_IN_TEXT) texts.push(`${snapshots.length - MAX_IN_TEXT} more`);
  return {
    name: 'snapshots',
    label: 'snapshots',
    value: snapshots.slice(0, MAX_LISTED).map((snapshot) => ({
      id: displayName(snapshot.id, MAX_NAME),
      name: displayName(snapshot.name, MAX_NAME),
      virtualSize: Number(snapshot.size),
      ...(snapshot.seconds === 0 ? {} : { date: new Date(snapshot.seconds * 1000).toISOString() }),
    })),
    text: texts.join(', '),
  };
}

/** Returns id and name for people. */
function snapshotName({ id, name }: Snapshot): string {
  return name === '' || name === id ? displayName(id, 40) : `${displayName(id, 40)} (${displayName(name, 60)})`;
}
