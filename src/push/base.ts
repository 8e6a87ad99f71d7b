import { VhdupError } from '../errors.js';
import type { BlobLocation } from '../azure/location.js';
import { isChangedSince, isUnfinishedElsewhere, notedTree, stateOf, type BaseCheck } from '../protocol/push-record.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import { failureOf } from '../azure/service-error.js';
import type { Disk } from '../disk/disk.js';
import { FixedStream, FOOTER_LENGTH, parseFixedTail, type FixedTail } from '../disk/fixed-stream.js';
import { inParallel } from '../run/concurrency.js';
import type { Session } from '../session/session.js';
import type { DiskDigests } from '../content/disk-digests.js';
import type { BaseCheckWish } from './options.js';

/** A blob that equals an ancestor by what its footer says; its content is checked by `checkBase`. */
export interface Base {
  readonly blob: PageBlob;
  readonly properties: BlobProperties;
  readonly tail: FixedTail;
  readonly id: string;
  /** Index of the ancestor in the disk's layers; 0 is the disk itself. */
  readonly layer: number;
  /** What is to prove that it is that layer. */
  readonly check: BaseCheck;
}

/** What a base has to be. */
export interface BaseRules {
  readonly check: BaseCheckWish;
  /** Only one that nobody can change. */
  readonly isSealed: boolean;
}

/** Reads a blob's footer and finds the layer with its id. Throws `base-mismatch` with what is wrong. */
export async function findBase(
  session: Session,
  disk: Disk,
  location: BlobLocation,
  { check, isSealed }: BaseRules,
): Promise<Base> {
  const blob = await session.blob(location);
  const properties = await blob.properties();
  if (!properties) throw mismatch(blob, 'there is no such blob', 'check its name, or push everything with --to alone');
  const problem = unfitness(properties);
  if (problem !== undefined)
    throw mismatch(blob, problem, 'a base is a page blob with a fixed VHD, completely uploaded');
  if (isSealed && properties.protection === undefined)
    throw mismatch(
      blob,
      'nothing keeps it from changing',
      'seal it with vhdup seal, or name a snapshot or a version of it',
    );
  const tail = parseFixedTail(
    await blob.read({ offset: properties.size - FOOTER_LENGTH, length: FOOTER_LENGTH }, { ifMatch: properties.etag }),
  );
  if (typeof tail === 'string')
    throw mismatch(blob, `it is no fixed VHD: ${tail}`, 'a base is a page blob with a fixed VHD, completely uploaded');
  const { id } = tail;
  if (id === undefined)
    throw mismatch(blob, 'its unique id is all zeros, which identifies nothing', 'push everything with --to alone');
  const layer = disk.layers.findIndex((candidate) => candidate.id === id);
  if (layer < 0) {
    const known = disk.layers.map((candidate) => `  ${candidate.id ?? 'no id'}  ${candidate.path}`).join('\n');
    throw mismatch(
      blob,
      `its unique id ${id} is none of the chain's:\n${known}`,
      'name the blob of an ancestor of this disk, or push everything with --to alone',
    );
  }
  const size = disk.layers[layer]?.size ?? 0;
  const content = properties.size - FOOTER_LENGTH;
  if (content < size || (tail.size !== size && tail.size !== content)) {
    throw mismatch(
      blob,
      `its size does not fit: ${content} bytes and a footer for ${tail.size}; the local ancestor has ${size}`,
      'push everything with --to alone',
    );
  }
  return {
    blob,
    properties,
    tail,
    id,
    layer,
    check: check === 'content' ? (content === size && treeOf(properties) ? 'tree' : 'md5') : check,
  };
}

function treeOf({ metadata, contentMd5 }: BlobProperties): Buffer | undefined {
  return notedTree(stateOf(metadata), contentMd5);
}

function unfitness({ type, size, copy, metadata, contentMd5 }: BlobProperties): string | undefined {
  if (type !== 'PageBlob') return `it is a ${type ?? 'blob of unknown type'}, not a page blob`;
  if (size < 2 * FOOTER_LENGTH || size % FOOTER_LENGTH !== 0) return `its size of ${size} bytes is not that of a VHD`;
  if (copy?.status === 'pending') return 'it is still being copied to';
  const state = stateOf(metadata);
  if (state && state.state !== 'complete') return 'it is an unfinished push';
  if (isUnfinishedElsewhere(metadata, contentMd5 !== undefined)) return 'another tool has not finished its upload';
  return undefined;
}

/**
 * Checks that the base's content is the ancestor's. By the tree digest that a push has noted, or by Content-MD5: that
 * has to be the MD5 of the ancestor's stream in the form in which the blob has it (its own footer, its own padding), so
 * the blobs of all known uploaders agree.
 */
export async function checkBase(
  digests: DiskDigests,
  disk: Disk,
  { blob, properties, tail, layer, check }: Base,
): Promise<void> {
  if (check === 'id') return;
  const { contentMd5, metadata, lastModified } = properties;
  const state = stateOf(metadata);
  if (state && isChangedSince(state, lastModified)) {
    throw mismatch(
      blob,
      `it was written to after it was completed, last at ${lastModified.toISOString()}: its digests prove nothing any longer`,
      'compare it with vhdup verify; if it is still right, trust it with --base-check id, else push the ancestor anew',
    );
  }
  const ancestor = disk.ancestor(layer);
  const path = ancestor.layers[0]?.path ?? '';
  if (check === 'tree') {
    const { tree } = await digests.of(layer, { tree: true }, 'check-base');
    if (tree && treeOf(properties)?.equals(tree)) return;
    throw mismatch(
      blob,
      `its tree digest is not that of the local ancestor, ${path}: one of them was changed`,
      'push the ancestor anew, or everything with --to alone',
    );
  }
  if (!contentMd5) {
    throw mismatch(
      blob,
      'it has no Content-MD5, so its content cannot be compared',
      'push the ancestor once with this tool, or trust the id alone with --base-check id',
    );
  }
  const stream = new FixedStream(ancestor, {
    footer: tail.footer,
    padding: properties.size - FOOTER_LENGTH - ancestor.size,
  });
  const { md5 } = await digests.of(layer, { md5: stream }, 'check-base');
  if (md5 && contentMd5.equals(md5)) return;
  const deep = disk.layers.length - layer >= 3;
  throw mismatch(
    blob,
    `its Content-MD5 is not that of the local ancestor, ${path}: one of them was changed`,
    deep
      ? 'push the ancestor anew; some uploaders write wrong bytes for chains of three and more layers, and record the MD5 of those'
      : 'push the ancestor anew, or everything with --to alone',
  );
}

/**
 * The nearest ancestor in the destination's container: by the metadata of finished pushes, then by footer.
 * What does not pass the check is passed over with a note; `undefined` where nothing is left.
 */
export async function findBaseInContainer(
  session: Session,
  disk: Disk,
  destination: PageBlob,
  digests: DiskDigests,
  rules: BaseRules,
): Promise<Base | undefined> {
  const listed = (await session.containerOf(destination).pageBlobs()).filter(
    ({ name }) => name !== destination.location.name,
  );
  const byMetadata = new Map<string, string[]>();
  const others: string[] = [];
  const smallest = Math.min(...disk.layers.map(({ size }) => size));
  for (const { name, metadata, size, hasContentMd5 } of listed) {
    const state = stateOf(metadata);
    if (state?.state === 'complete' && state.id !== undefined)
      byMetadata.set(state.id, [...(byMetadata.get(state.id) ?? []), name]);
    else if (!state && size > smallest && (hasContentMd5 || rules.check === 'id')) others.push(name);
  }
  for (const { id } of disk.layers) {
    for (const name of (id === undefined ? undefined : byMetadata.get(id)) ?? []) {
      const base = await candidate(session, disk, destination, name, rules);
      if (base && (await passes(session, disk, digests, base))) return base;
    }
  }
  const found: Base[] = [];
  await inParallel(
    others,
    session.traffic.lanes(),
    async (name) => {
      const base = await candidate(session, disk, destination, name, rules);
      if (base) found.push(base);
    },
    session.fail,
  );
  for (const base of found.sort((a, b) => a.layer - b.layer || (a.blob.uri < b.blob.uri ? -1 : 1))) {
    if (await passes(session, disk, digests, base)) return base;
  }
  return undefined;
}

/** A blob of the destination's container as a base; `undefined` where it is none of this disk's. */
async function candidate(
  session: Session,
  disk: Disk,
  destination: PageBlob,
  name: string,
  rules: BaseRules,
): Promise<Base | undefined> {
  try {
    return await findBase(session, disk, { ...destination.location, name }, rules);
  } catch (error) {
    if (isMismatch(error) || isUnavailable(error)) return undefined;
    throw error;
  }
}

/** A neighbour that is being written to, was deleted since the listing, or may not be read is no base, and no failure. */
function isUnavailable(error: unknown): boolean {
  return error instanceof VhdupError && [403, 404, 409, 412].includes(failureOf(error.cause).status ?? 0);
}

/** False, with a note, where a candidate has the id but not the content. */
async function passes(session: Session, disk: Disk, digests: DiskDigests, base: Base): Promise<boolean> {
  try {
    await checkBase(digests, disk, base);
    return true;
  } catch (error) {
    if (!isMismatch(error)) throw error;
    session.note(`not taken: ${error.message}`);
    return false;
  }
}

export function isMismatch(error: unknown): error is VhdupError {
  return error instanceof VhdupError && error.code === 'base-mismatch';
}

function mismatch({ uri }: PageBlob, problem: string, hint: string): VhdupError {
  return new VhdupError('base-mismatch', `the base ${uri}: ${problem}`, { hint });
}
