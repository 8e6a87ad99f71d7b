import { BlobServiceClient, type ContainerClient, type StoragePipelineOptions } from '@azure/storage-blob';
import type { Azurite } from './azurite.js';

/** A container of a running Azurite, made if it is not there; by the SDK, without any code of the tool. */
export async function containerOf(
  azurite: Pick<Azurite, 'connectionString'>,
  name: string,
  retryOptions: StoragePipelineOptions['retryOptions'] = {},
): Promise<ContainerClient> {
  const container = BlobServiceClient.fromConnectionString(azurite.connectionString, {
    retryOptions,
  }).getContainerClient(name);
  await container.createIfNotExists();
  return container;
}

/** All bytes of a blob. */
export function bytesOf(container: ContainerClient, name: string): Promise<Buffer> {
  return container.getBlobClient(name).downloadToBuffer();
}

/** The same of a large sparse page blob: what the service lists no pages for is not fetched. */
export async function pagesOf(container: ContainerClient, name: string): Promise<Buffer> {
  const client = container.getPageBlobClient(name);
  const bytes = Buffer.alloc((await client.getProperties()).contentLength ?? 0);
  let run = { start: 0, end: 0 };
  const fetch = () => client.downloadToBuffer(bytes.subarray(run.start, run.end), run.start, run.end - run.start);
  for await (const { start, end, isClear } of client.listPageRanges()) {
    if (isClear) continue;
    if (start - run.end > NEAR) {
      if (run.end > run.start) await fetch();
      run = { start, end };
    }
    run = { start: run.start, end: end + 1 };
  }
  if (run.end > run.start) await fetch();
  return bytes;
}

/** Pages that are nearer to each other than this are fetched in one go. */
const NEAR = 1024 * 1024;

export interface BlobFacts {
  readonly etag: string | undefined;
  readonly size: number;
  readonly contentMd5: string | undefined;
  readonly metadata: Record<string, string>;
  readonly leaseState: string | undefined;
}

/** What the service says of a blob; `undefined` where there is none. */
export async function factsOf(container: ContainerClient, name: string): Promise<BlobFacts | undefined> {
  const client = container.getBlobClient(name);
  if (!(await client.exists())) return undefined;
  const { etag, contentLength = 0, contentMD5, metadata = {}, leaseState } = await client.getProperties();
  return {
    etag,
    size: contentLength,
    contentMd5: contentMD5 && contentMD5.length > 0 ? Buffer.from(contentMD5).toString('base64') : undefined,
    metadata,
    leaseState,
  };
}

/** Ends at once the lease that a finished push leaves for a second or two: nobody else may write meanwhile, and tests do. */
export async function endBreak(container: ContainerClient, name: string): Promise<void> {
  const client = container.getBlobClient(name);
  if ((await client.getProperties()).leaseState !== 'breaking') return;
  const lease = client.getBlobLeaseClient();
  await lease.breakLease(0);
  await lease.acquireLease(15);
  await lease.releaseLease();
}

/** Has a finished blob say that it was completed an hour from now: what a test writes to it does not show by its time. */
export async function hideWrites(container: ContainerClient, name: string): Promise<void> {
  const blob = container.getBlobClient(name);
  await blob.setMetadata({
    ...(await blob.getProperties()).metadata,
    vhdup_completed: new Date(Date.now() + 3_600_000).toISOString(),
  });
}

/** Bytes in written pages. */
export async function allocatedIn(container: ContainerClient, name: string): Promise<number> {
  let total = 0;
  for await (const { start, end, isClear } of container.getPageBlobClient(name).listPageRanges())
    total += isClear ? 0 : end - start + 1;
  return total;
}
