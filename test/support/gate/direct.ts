import {
  BlobSASPermissions,
  BlobServiceClient,
  RestError,
  type BlobGetPropertiesResponse,
  type PageBlobClient,
} from '@azure/storage-blob';
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

  /** Reads a URL of the account as it stands, with its SAS if it has one; `isOwner`: with the right to read everything. */
  async fetch(url: string, isOwner: boolean, headers: Record<string, string | undefined>): Promise<Response> {
    const target = new URL(isOwner ? await this.#signed(url) : url);
    target.host = this.#url.host;
    const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return fetch(target, { headers: { 'x-ms-version': '2021-12-02', ...Object.fromEntries(given) } });
  }

  async #signed(url: string): Promise<string> {
    const { pathname, searchParams } = new URL(url);
    const snapshot = searchParams.get('snapshot');
    const blob = this.blob(decodeURIComponent(pathname));
    return (snapshot === null ? blob : blob.withSnapshot(snapshot)).generateSasUrl({
      permissions: BlobSASPermissions.parse('r'),
      expiresOn: new Date(Date.now() + 3_600_000),
      version: '2021-12-02',
    });
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
