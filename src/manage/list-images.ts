import type { Warning } from '../errors.js';
import { containerUri, parseContainerUri, uriOf } from '../azure/location.js';
import { IMAGE_RULE } from '../protocol/image-name.js';
import { allSeriesIn, type ImageVersion } from '../protocol/image-series.js';
import { checkOptions, type OptionRules } from '../option-rules.js';
import type { SessionOptions } from '../session/options.js';
import { Session } from '../session/session.js';

/** Which images to list. */
export interface ImagesOptions extends SessionOptions {
  /** Only the image with this name. Default: all. */
  readonly image?: string | undefined;
}

const IMAGES_RULES: OptionRules<ImagesOptions, keyof SessionOptions> = { image: IMAGE_RULE };

/** The images in a container. */
export interface ImageListing {
  /** URI of the container, without a SAS. */
  readonly container: string;
  /** By name. */
  readonly images: readonly ImageSeries[];
  readonly warnings: readonly Warning[];
}

/** An image and its finished versions. */
export interface ImageSeries {
  readonly image: string;
  /** Newest first; at least one. */
  readonly versions: readonly ListedVersion[];
}

/** A finished version of an image. */
export interface ListedVersion extends Pick<ImageVersion, 'version' | 'id' | 'completedAt' | 'protection'> {
  /** URI of the blob, without a SAS. */
  readonly blob: string;
  /** Bytes of the blob, the footer included. */
  readonly blobSize: number;
  /** URI of the blob that it was pushed over, without a SAS. */
  readonly base: string | undefined;
}

/** Returns the images in a container that pushes have recorded. Blobs that are unfinished, or were written to since, are left out. */
export async function listImages(uri: string, options: ImagesOptions = {}): Promise<ImageListing> {
  const session = new Session(options);
  checkOptions(options, IMAGES_RULES);
  const location = parseContainerUri(uri);
  const container = await session.container(location);
  const listed = ({ name, size, version, id, completedAt, protection, base }: ImageVersion): ListedVersion => ({
    blob: uriOf({ ...location, name, snapshot: undefined, versionId: undefined }),
    version,
    id,
    blobSize: size,
    completedAt,
    protection,
    base,
  });
  const images = [...allSeriesIn(await container.pageBlobs())]
    .filter(([image]) => options.image === undefined || image === options.image)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([image, versions]) => ({ image, versions: versions.map(listed) }));
  return { container: containerUri(location), images, warnings: session.warnings };
}
