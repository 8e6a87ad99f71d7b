import { VhdupError } from '../errors.js';
import { option } from '../option-names.js';
import { checkOptions, rule } from '../option-rules.js';

/** What the name of an image series has to be. It is metadata of its blobs, and part of `image:NAME@VERSION`. */
export const IMAGE_RULE = rule(
  'a name of 1 to 256 printable ASCII characters, without "@", "?" and "#", and without a blank at its ends',
  (value) => typeof value === 'string' && /^(?! )[!"$->A-~ ]{1,256}$/.test(value) && !value.endsWith(' '),
);

/** What the tag of a version has to be. */
export const IMAGE_TAG_RULE = rule(
  '1 to 64 letters, digits, ".", "_" and "-"; a number has at most 15 digits',
  (value) => typeof value === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(value) && !/^\d{16,}$/.test(value),
);

/** Returns the number of a version; `undefined` if it has a tag that is no number, or no version at all. */
export function numberOf(version: string | undefined): number | undefined {
  return version !== undefined && /^\d{1,15}$/.test(version) ? Number(version) : undefined;
}

/** Returns the version that a tag names: a number has no zeros before it, so that one number has one name. */
export function versionOfTag(tag: string): string {
  return numberOf(tag)?.toString() ?? tag;
}

/** Returns an image and its version for people: `golden, version 3`. */
export function imageTitle(image: string, version: string | undefined): string {
  return version === undefined ? image : `${image}, version ${version}`;
}

/** A version of an image, or its newest one, as a base. */
export interface ImageBase {
  readonly image: string;
  /** `undefined`: the newest one. */
  readonly version: string | undefined;
}

const PREFIX = 'image:';

/** Returns true if a base is named by its image, `image:NAME` or `image:NAME@VERSION`. */
export function isImageBase(base: string): boolean {
  return base.startsWith(PREFIX);
}

/** Parses `image:NAME` or `image:NAME@VERSION`. Throws `usage` if it is neither. */
export function parseImageBase(base: string): ImageBase {
  const [image = '', ...tags] = base.slice(PREFIX.length).split('@');
  const [tag] = tags;
  const isValid = isImageBase(base) && tags.length <= 1 && IMAGE_RULE.accepts(image);
  if (!isValid || (tag !== undefined && !IMAGE_TAG_RULE.accepts(tag)))
    throw new VhdupError('usage', `${option('base')} takes image:NAME or image:NAME@VERSION, not "${base}"`, {
      hint: `a name is ${IMAGE_RULE.expected.replace(/^a name of /, '')}; a version is a number or a tag`,
    });
  return { image, version: tag === undefined ? undefined : versionOfTag(tag) };
}

/** The options that name images. */
export interface ImageOptions {
  readonly base?: string | undefined;
  readonly image?: string | undefined;
  readonly imageTag?: string | undefined;
}

/** Throws `usage` if the name of an image, its tag or a base by name is not one, or if there is a tag without a name. */
export function requireImageOptions({ base, image, imageTag }: ImageOptions): void {
  checkOptions({ image, imageTag }, { image: IMAGE_RULE, imageTag: IMAGE_TAG_RULE });
  if (imageTag !== undefined && image === undefined)
    throw new VhdupError('usage', `${option('imageTag')} goes with ${option('image')}`);
  if (base !== undefined && isImageBase(base)) parseImageBase(base);
}
