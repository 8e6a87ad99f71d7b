import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RestError, type BlobGetPropertiesResponse, type PageBlobClient } from '@azure/storage-blob';
import type { Action, Spot } from './rounds.js';
import type { World } from './world.js';

/** `refused`: by a lease or a condition; `absent`: there was no blob, or no page of the kind that was looked for. */
export type Outcome = 'taken' | 'refused' | 'absent';

/** What a third party did, with the blob's properties before it and after. */
export interface Deeds {
  readonly outcome: Outcome;
  readonly before: BlobGetPropertiesResponse | undefined;
  readonly after: BlobGetPropertiesResponse | undefined;
}

/** Does what `action` says to the blob, straight at the server; `base` names the base for what is done to that. */
export async function act(world: World, name: string, base: string, action: Action): Promise<Deeds> {
  if (action.inNextSecond) await nextSecond();
  const blob = world.container.getPageBlobClient(action.deed === 'write-base' ? base : name);
  const before = await propertiesOf(blob);
  if (!before) return { outcome: 'absent', before, after: undefined };
  if (action.force === 'expire') world.azurite.expireLease('vhds', name);
  if (action.force === 'break') await breakLease(blob);
  const outcome = await doneOrRefused(() => deed(world, blob, before, action));
  return { outcome, before, after: await propertiesOf(blob) };
}

/** Ends whatever lease there is at once. */
export async function breakLease(blob: PageBlobClient): Promise<void> {
  await doneOrRefused(async () => {
    await blob.getBlobLeaseClient().breakLease(0);
    return 'taken';
  });
}

/** How long a push may keep others from the blob that it has finished. A lease that is there for longer is somebody else's: its time passes. */
const LEASE_ENDS_MS = 5000;

/** Overwrites a page of a finished blob as soon as the service lets anybody. */
export async function overwriteWhenFree(world: World, name: string, spot: Spot): Promise<Deeds> {
  const blob = world.container.getPageBlobClient(name);
  const deadline = performance.now() + LEASE_ENDS_MS;
  for (;;) {
    const before = await propertiesOf(blob);
    const outcome = await doneOrRefused(async () => writePages(blob, await pageAt(world, blob, spot), 1));
    if (outcome !== 'refused') return { outcome, before, after: await propertiesOf(blob) };
    if (performance.now() > deadline) world.azurite.expireLease('vhds', name);
    if (performance.now() > deadline + LEASE_ENDS_MS)
      throw new Error(`${name} cannot be written to: ${before?.leaseState}`);
    await sleep(25);
  }
}

async function deed(
  world: World,
  blob: PageBlobClient,
  before: BlobGetPropertiesResponse,
  { deed, spot, pages }: Action,
): Promise<Outcome> {
  const { contentLength: size = 0, metadata = {} } = before;
  switch (deed) {
    case 'write':
      return writePages(blob, await pageAt(world, blob, spot), pages);
    case 'write-base':
      return writePages(blob, world.chain.pages.copied[0], pages);
    case 'clear': {
      const offset = await pageAt(world, blob, spot);
      if (offset === undefined) return 'absent';
      await blob.clearPages(offset, Math.min(pages * 512, size - offset));
      return 'taken';
    }
    case 'metadata':
      await blob.setMetadata({ ...metadata, somebody: 'was here' });
      return 'taken';
    case 'set-md5':
      await blob.setHTTPHeaders({ blobContentMD5: createHash('md5').update(randomBytes(8)).digest() });
      return 'taken';
    case 'remove-md5':
      await blob.setHTTPHeaders({});
      return 'taken';
    case 'recreate':
      await blob.delete();
      // The push may have made it anew by now.
      await doneOrRefused(async () => blob.create(size).then(() => 'taken'));
      return 'taken';
    case 'recreate-alike':
      return recreateAlike(blob, before, await pageAt(world, blob, spot));
    case 'own-lease': {
      const lease = blob.getBlobLeaseClient();
      const { leaseId = '' } = await lease.acquireLease(15);
      const outcome = await writePages(blob, await pageAt(world, blob, spot), pages, leaseId);
      // It may have been broken.
      await doneOrRefused(async () => lease.releaseLease().then(() => 'taken'));
      return outcome;
    }
    case 'keep-lease': {
      const { leaseId = '' } = await blob.getBlobLeaseClient().acquireLease(15);
      return writePages(blob, await pageAt(world, blob, spot), pages, leaseId);
    }
  }
}

/** A blob of the same name, size, metadata and bytes, but for one page. */
async function recreateAlike(
  blob: PageBlobClient,
  { contentLength: size = 0, metadata = {}, contentMD5 }: BlobGetPropertiesResponse,
  page: number | undefined,
): Promise<Outcome> {
  const bytes = size === 0 ? Buffer.alloc(0) : await blob.downloadToBuffer();
  if (page !== undefined) randomBytes(512).copy(bytes, page);
  await blob.delete();
  await doneOrRefused(async () => {
    await blob.create(size, {
      metadata,
      conditions: { ifNoneMatch: '*' },
      blobHTTPHeaders: contentMD5 ? { blobContentMD5: contentMD5 } : {},
    });
    for (let offset = 0; offset < size; offset += 1024 * 1024) {
      const piece = bytes.subarray(offset, offset + 1024 * 1024);
      if (piece.some((byte) => byte !== 0)) await blob.uploadPages(piece, offset, piece.length);
    }
    return 'taken';
  });
  return 'taken';
}

async function writePages(
  blob: PageBlobClient,
  offset: number | undefined,
  pages: number,
  leaseId?: string,
): Promise<Outcome> {
  if (offset === undefined) return 'absent';
  const { contentLength: size = 0 } = await blob.getProperties();
  const length = Math.min(pages * 512, size - offset);
  if (length <= 0) return 'absent';
  await blob.uploadPages(randomBytes(length), offset, length, leaseId === undefined ? {} : { conditions: { leaseId } });
  return 'taken';
}

/** The offset of the page at a spot, by what is there now. */
async function pageAt(
  { chain: { pages, childBlob } }: World,
  blob: PageBlobClient,
  { place, pick }: Spot,
): Promise<number | undefined> {
  const { contentLength: size = 0 } = await blob.getProperties();
  const any = (offsets: readonly number[]) => offsets[pick % offsets.length];
  if (place === 'footer') return size >= childBlob.length ? childBlob.length - 512 : size - 512;
  if (place === 'copied') return any(pages.copied);
  if (place === 'outside') return any(pages.untouched);
  const there = new Set<number>();
  for await (const { start, end, isClear } of blob.listPageRanges()) {
    for (let page = start; page < end && !isClear; page += 512) there.add(page);
  }
  return any(pages.sent.filter((page) => there.has(page) === (place === 'written')));
}

async function propertiesOf(blob: PageBlobClient): Promise<BlobGetPropertiesResponse | undefined> {
  return blob.getProperties().catch((error: unknown) => {
    if (error instanceof RestError && error.statusCode === 404) return undefined;
    throw error;
  });
}

async function doneOrRefused(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    const status = error instanceof RestError ? error.statusCode : undefined;
    if (status === 404) return 'absent';
    if (status === 409 || status === 412 || status === 416) return 'refused';
    throw error;
  }
}

/** Waits for the start of the clock's next second. */
export async function nextSecond(): Promise<void> {
  await sleep(1001 - (Date.now() % 1000));
}
