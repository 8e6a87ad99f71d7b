import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ContainerClient } from '@azure/storage-blob';
import type { GoldenDisk } from './disks.js';
import { withBaseEtag } from './golden-stage.js';

/** Kept states of pushes that earlier versions began: `fixtures/interrupted-push.ts` makes them. */

/** A page blob without its content, which is that of a golden disk. */
export interface KeptBlob {
  readonly name: string;
  readonly size: number;
  /** With `<account>` for the URL of the account. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Offset and length of what is written. */
  readonly pages: readonly (readonly [offset: number, length: number])[];
  /** Of all bytes of the blob. */
  readonly sha256: string;
}

export interface KeptPush {
  /** The command line that was killed; `<account>` and `<folder>` stand for a URL and a path. */
  readonly args: readonly string[];
  readonly blob: KeptBlob;
  /** The id of the lease that the killed process held. */
  readonly leaseId: string;
  /** The process's record of its lease; `<account>` as above, and without the owner. */
  readonly record: object;
  /** A finished blob of the root disk, with the ETag of golden bases. The footer is in base64. */
  readonly base?: KeptBlob & { readonly contentMd5: string; readonly footer: string };
}

export const KEPT = ['full', 'over-base'] as const;
export type KeptName = (typeof KEPT)[number];

export function keptPath(name: KeptName): string {
  return fileURLToPath(new URL(`interrupted/${name}.json`, import.meta.url));
}

export function readKept(name: KeptName): KeptPush {
  return JSON.parse(readFileSync(keptPath(name), 'utf8')) as KeptPush;
}

/** Puts the URL of the account, and a folder, into a kept value. */
export function placed<T>(value: T, account: string, folder = ''): T {
  return JSON.parse(JSON.stringify(value).replaceAll('<account>', account).replaceAll('<folder>', folder)) as T;
}

export const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** `vhdup_times` of a disk's files as they are now. */
export async function timesOf({ files }: GoldenDisk): Promise<string> {
  const found = await Promise.all(files.map((path) => lstat(path, { bigint: true })));
  return sha256(found.map(({ mtimeNs, ctimeNs }) => `${mtimeNs} ${ctimeNs}`).join('\n'));
}

/** Makes the base of a kept push. Its completion lies ahead, so that the writes of this do not count as changes. */
export async function restoreBase(
  container: ContainerClient,
  base: NonNullable<KeptPush['base']>,
  disk: GoldenDisk,
): Promise<void> {
  const blob = container.getPageBlobClient(base.name);
  await blob.create(base.size, { blobHTTPHeaders: { blobContentMD5: Buffer.from(base.contentMd5, 'base64') } });
  await writePages(container, base, Buffer.concat([disk.content, Buffer.from(base.footer, 'base64')]));
  const completed = new Date(Date.now() + 3_600_000).toISOString();
  await withBaseEtag(() => blob.setMetadata({ ...base.metadata, vhdup_completed: completed }));
}

/** Makes the blob of a kept push: over a base by a copy of it, as the push did. */
export async function restoreBlob(
  container: ContainerClient,
  { blob: kept, base }: KeptPush,
  disk: GoldenDisk,
): Promise<void> {
  const blob = container.getPageBlobClient(kept.name);
  if (base) {
    await (await blob.beginCopyFromURL(container.getPageBlobClient(base.name).url)).pollUntilDone();
    await blob.clearPages(0, base.size);
    await blob.resize(kept.size);
    await blob.setHTTPHeaders({ blobContentType: 'application/octet-stream' });
  } else {
    await blob.create(kept.size);
  }
  await writePages(container, kept, Buffer.concat([disk.content, Buffer.alloc(512)]));
  await blob.setMetadata(kept.metadata);
}

const MAX_WRITE = 4 * 1024 * 1024;

async function writePages(
  container: ContainerClient,
  { name, pages, sha256: expected }: KeptBlob,
  content: Buffer,
): Promise<void> {
  const blob = container.getPageBlobClient(name);
  for (const [start, length] of pages) {
    for (let offset = start; offset < start + length; offset += MAX_WRITE) {
      const part = content.subarray(offset, Math.min(start + length, offset + MAX_WRITE));
      await blob.uploadPages(part, offset, part.length);
    }
  }
  if (sha256(await blob.downloadToBuffer()) !== expected)
    throw new Error(`${name}: the golden disks are not those of the kept push`);
}
