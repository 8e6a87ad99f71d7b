import { ContainerSASPermissions, type ContainerClient } from '@azure/storage-blob';

/** Returns a SAS with all permissions that ends in `minutes` minutes, and its secret part. */
export async function sasFor(container: ContainerClient, minutes: number): Promise<{ sas: string; secret: string }> {
  const url = await container.generateSasUrl({
    permissions: ContainerSASPermissions.parse('racwdl'),
    expiresOn: new Date(Date.now() + minutes * 60_000),
  });
  const sas = new URL(url).search.slice(1);
  return { sas, secret: /sig=([^&]+)/.exec(sas)?.[1] ?? '' };
}
