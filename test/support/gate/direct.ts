import { BlobServiceClient, RestError, type BlobGetPropertiesResponse, type PageBlobClient } from '@azure/storage-blob';
import type { Azurite } from '../azurite.js';

/** The gate's own way to the server behind it: not recorded, without faults. */
export class Direct {
  readonly #service: BlobServiceClient;
  readonly #url: URL;

  constructor(target: Azurite) {
    this.#service = BlobServiceClient.fromConnectionString(target.connectionString);
    this.#url = new URL(target.url);
  }

  /** A blob by its path, `/account/container/name`; of the default account. */
  blob(path: string): PageBlobClient {
    const [, , container = '', ...name] = path.split('/');
    return this.#service.getContainerClient(container).getPageBlobClient(name.join('/'));
  }

  /** `undefined` where there is no such blob. */
  async properties(path: string): Promise<BlobGetPropertiesResponse | undefined> {
    try {
      return await this.blob(path).getProperties();
    } catch (error) {
      if (error instanceof RestError && error.statusCode === 404) return undefined;
      throw error;
    }
  }

  /** The ETag of the source of a copy, now; `undefined` where it is gone. */
  async etagOf(source: string): Promise<string | undefined> {
    const url = new URL(source);
    if (url.searchParams.has('sig')) {
      url.host = this.#url.host;
      return (await fetch(url, { method: 'HEAD' })).headers.get('etag') ?? undefined;
    }
    const snapshot = url.searchParams.get('snapshot');
    const blob = this.blob(decodeURIComponent(url.pathname));
    const { etag } = await (snapshot === null ? blob : blob.withSnapshot(snapshot))
      .getProperties()
      .catch(() => ({ etag: undefined }));
    return etag;
  }
}
