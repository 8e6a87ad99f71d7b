import type { ContainerClient } from '@azure/storage-blob';

/** What a push leaves on its destination besides the content. */
export interface Marks {
  readonly size: number | undefined;
  readonly contentMd5: string | undefined;
  readonly contentType: string | undefined;
  readonly blobType: string | undefined;
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

export async function marksOf(container: ContainerClient, name: string): Promise<Marks> {
  const { contentLength, contentMD5, contentType, blobType, metadata } = await container
    .getBlobClient(name)
    .getProperties();
  const contentMd5 = contentMD5 && contentMD5.length > 0 ? Buffer.from(contentMD5).toString('base64') : undefined;
  return { size: contentLength, contentMd5, contentType, blobType, metadata };
}
