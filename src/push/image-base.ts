import { VhdupError } from '../errors.js';
import { containerUri, type BlobLocation } from '../azure/location.js';
import { hasStatus } from '../azure/service-error.js';
import { imageTitle, isImageBase, parseImageBase, type ImageBase } from '../protocol/image-name.js';
import { seriesIn } from '../protocol/image-series.js';
import { call, option } from '../option-names.js';
import type { Base } from './base.js';
import type { PushContext } from './context.js';
import type { PushOptions } from './options.js';

/** Returns the base that the options ask for: with the name of an image, `auto` is the default. */
export function baseOption({ base, image }: PushOptions): string | undefined {
  return base ?? (image === undefined ? undefined : 'auto');
}

/** Returns the image that a base is named by; `undefined` if it is not named by one. Throws `usage` if the name is none. */
export function imageBaseOf(base: string): ImageBase | undefined {
  return isImageBase(base) ? parseImageBase(base) : undefined;
}

/** Returns true if a base is a version of the image, and the version that is asked for. */
export function isOfImage(base: Base | undefined, { image, version }: ImageBase): boolean {
  const record = base?.verdict.record;
  return record?.image === image && (version === undefined || record.imageVersion === version);
}

/**
 * Returns the blob that is the newest finished version of an image in the destination's container, or the version that is asked for.
 * The destination itself is never the newest one: it is about to be made. Throws `base-mismatch` if there is none.
 */
export async function locateImageBase(
  { session, destination, options }: PushContext,
  { image, version }: ImageBase,
): Promise<BlobLocation> {
  const { location } = destination;
  const finished = seriesIn(await destination.neighbours(), image);
  const fitting = finished.filter((each) =>
    version === undefined ? each.name !== location.name : each.version === version,
  );
  const found = fitting.find(({ protection }) => protection !== undefined || !options.requireSealedBase);
  if (!found) {
    const what = version === undefined ? 'finished version' : `finished version ${version}`;
    const sealed = fitting.length > 0 ? ' that nobody can change' : '';
    throw new VhdupError('base-mismatch', `${containerUri(location)}: the image "${image}" has no ${what}${sealed}`, {
      hint: `${call('listImages')} lists the images of a container, and their versions${sealed === '' ? '' : `; ${call('sealBlob')} seals one`}`,
    });
  }
  session.note(`base: ${found.name} (${imageTitle(image, found.version)})`);
  return { ...location, name: found.name };
}

/**
 * Returns a handler for a refused listing: if nobody asked for a base, there is none. A SAS for one blob does not allow to list its
 * container.
 */
export function noBaseIfUnlisted({ session, options }: PushContext): (error: unknown) => undefined {
  return (error) => {
    if (options.base !== undefined || !hasStatus(error, 403)) throw error;
    session.note(
      `the container may not be listed, so no base is looked for; ${option('base')} names one, or shows what is refused with "auto"`,
    );
    return undefined;
  };
}
