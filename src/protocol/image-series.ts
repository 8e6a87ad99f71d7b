import type { ListedBlob } from '../azure/container.js';
import { numberOf } from './image-name.js';
import { recordedTree, type PushRecord } from './push-record.js';
import { judgeBlob } from './verdict.js';

/** A finished version of an image series, as a listing of its container shows it. */
export interface ImageVersion {
  /** Name of the blob in its container. */
  readonly name: string;
  /** Its number or tag; `undefined` if none could be claimed. */
  readonly version: string | undefined;
  /** Unique id of the disk. */
  readonly id: string | undefined;
  /** Bytes of the blob, the footer included. */
  readonly size: number;
  readonly completedAt: Date;
  /** What keeps the blob from changing, in words; `undefined` if nothing does. */
  readonly protection: string | undefined;
  /** URI of the blob that it was pushed over, without a SAS; `undefined` if everything was sent. */
  readonly base: string | undefined;
  /** True if the tree digest of its disk is recorded, and Content-MD5 is as the push left it. */
  readonly hasTree: boolean;
}

/**
 * Returns the finished versions of an image series, newest first. A blob that is being written or copied to, or was written to after
 * its push, is none. `blobs`: the page blobs of one container.
 */
export function seriesIn(blobs: readonly ListedBlob[], image: string): ImageVersion[] {
  return allSeriesIn(blobs).get(image) ?? [];
}

/** Returns the finished versions of each image series in a container, newest first, by the names of the series. */
export function allSeriesIn(blobs: readonly ListedBlob[]): ReadonlyMap<string, ImageVersion[]> {
  const series = new Map<string, ImageVersion[]>();
  for (const blob of blobs) {
    const { state, record } = judgeBlob(blob);
    if (state !== 'finished' || record?.image === undefined) continue;
    const versions = series.get(record.image) ?? [];
    versions.push(versionOf(blob, record));
    series.set(record.image, versions);
  }
  for (const versions of series.values()) versions.sort(newestFirst);
  return series;
}

function versionOf({ name, size, protection, contentMd5, lastModified }: ListedBlob, record: PushRecord): ImageVersion {
  return {
    name,
    version: record.imageVersion,
    id: record.id,
    size,
    completedAt: record.completedAt ?? lastModified,
    protection,
    base: record.base?.uri,
    hasTree: recordedTree(record, contentMd5) !== undefined,
  };
}

/** Times of completion have whole seconds: within one, the greater number is the newer version. */
function newestFirst(a: ImageVersion, b: ImageVersion): number {
  return (
    b.completedAt.getTime() - a.completedAt.getTime() ||
    (numberOf(b.version) ?? -1) - (numberOf(a.version) ?? -1) ||
    (a.name < b.name ? -1 : 1)
  );
}
