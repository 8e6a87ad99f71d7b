import { decodeUriText } from '../../azure/location.js';
import type { ImageListing, ImageSeries, ListedVersion } from '../../manage/list-images.js';
import { count, size } from '../units.js';

/** Returns the images in a container for programs. */
export function imagesJson({ container, images, warnings }: ImageListing): object {
  return {
    container,
    images: images.map(({ image, versions }) => ({ image, versions: versions.map(versionJson) })),
    warnings,
  };
}

function versionJson({ blob, version, id, blobSize, completedAt, protection, base }: ListedVersion): object {
  return {
    blob,
    version,
    id,
    blobSize,
    completedAt: completedAt.toISOString(),
    protection,
    base: base === undefined ? undefined : { blob: base },
  };
}

/** Returns the images in a container for people. `only`: the one that was asked for. */
export function imagesLines({ container, images }: ImageListing, only: string | undefined): string[] {
  if (images.length === 0)
    return [
      only === undefined
        ? `${container}: there is no image in it; vhdup push --image makes one`
        : `${container}: there is no finished version of the image "${only}" in it`,
    ];
  return [container, ...images.flatMap((series) => seriesLines(container, series))];
}

const HEAD = ['version', 'completed', 'size', 'blob', 'base', 'protected by'] as const;

function seriesLines(container: string, { image, versions }: ImageSeries): string[] {
  const nameOf = (uri: string) =>
    uri.startsWith(`${container}/`) ? decodeUriText(uri.slice(container.length + 1)) : uri;
  const rows = versions.map(({ version, completedAt, blobSize, blob, base, protection }) => [
    version ?? 'none',
    completedAt
      .toISOString()
      .replace('T', ' ')
      .replace(/\.\d+Z$/, 'Z'),
    size(blobSize),
    nameOf(blob),
    base === undefined ? 'none' : nameOf(base),
    protection ?? 'nothing',
  ]);
  return [`  ${image}  (${count(versions.length, 'version')})`, ...columns([HEAD, ...rows]).map((row) => `    ${row}`)];
}

/** Returns rows as lines with columns as wide as their widest cell. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
