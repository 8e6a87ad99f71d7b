import { VhdupError } from '../errors.js';
import type { ListedBlob } from '../azure/container.js';
import { waitForCopy, startCopy } from '../azure/copy.js';
import type { BlobLocation } from '../azure/location.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { Conditions } from '../azure/conditions.js';
import { failureOf, hasStatus } from '../azure/service-error.js';
import { acquireLease } from '../protocol/acquire-lease.js';
import { busy } from '../protocol/busy.js';
import { copySource, dropCopySource, type CopiedBlob } from '../protocol/copy-source.js';
import type { LeaseContext } from '../protocol/lease-context.js';
import { prepareReplacement } from '../protocol/prepare-replacement.js';
import { parsePushRecord, withPushRecord, type PushRecord } from '../protocol/push-record.js';
import { readFooter } from '../protocol/read-footer.js';
import { releaseStaleLease } from '../protocol/release-lease.js';
import { sealUnleased, type Seal, type SealMode } from '../protocol/seal.js';
import { SeenBlob } from '../protocol/seen-blob.js';
import type { Session } from '../session/session.js';
import { defaultStateFolder } from '../state/user-folders.js';
import type { CopyEnd, Destination, DestinationContent, WriterRequest } from './destination.js';
import { snapshotOf, type PageBlobSnapshot } from './page-blob-snapshot.js';
import { PageBlobWriter } from './page-blob-writer.js';

/** A page blob to push to. Its lease is the right to write; its metadata keeps the push record. */
export class PageBlobDestination implements Destination {
  readonly can = { copy: 'blob', record: 'metadata', contentMd5: true, seal: true } as const;
  readonly #session: Session;
  readonly #blob: PageBlob;
  readonly #stateFolder: string | undefined;

  private constructor(session: Session, blob: PageBlob, stateFolder: string | undefined) {
    this.#session = session;
    this.#blob = blob;
    this.#stateFolder = stateFolder;
  }

  /** Returns the destination at a location; nothing is requested. `stateFolder`: for this machine's records; see `docs/PROTOCOL.md`. */
  static async at(
    session: Session,
    location: BlobLocation,
    stateFolder: string | undefined,
  ): Promise<PageBlobDestination> {
    return new PageBlobDestination(session, await session.blob(location), stateFolder);
  }

  get uri(): string {
    return this.#blob.uri;
  }

  get location(): BlobLocation {
    return this.#blob.location;
  }

  warnOfExpiry(bytes: number): void {
    this.#session.warnOfExpiry(this.#blob, bytes);
  }

  neighbours(): Promise<readonly ListedBlob[]> {
    return this.#session.containerOf(this.#blob).pageBlobs();
  }

  async inspect(): Promise<PageBlobSnapshot | undefined> {
    const properties = await this.#blob.properties();
    return properties && snapshotOf(properties);
  }

  async readFooter({ properties }: PageBlobSnapshot): Promise<Buffer | undefined> {
    try {
      return await readFooter(this.#blob, properties);
    } catch (error) {
      if (hasStatus(error, 404, 412)) return undefined;
      throw error;
    }
  }

  contentOf(seen: PageBlobSnapshot): DestinationContent {
    return new SeenBlob(this.#blob, seen);
  }

  prepareReplacement({ properties }: PageBlobSnapshot): Promise<string> {
    return prepareReplacement(this.#context, properties);
  }

  create(size: number, record: PushRecord, ifMatch: string | undefined): Promise<string | undefined> {
    return this.#make(() => this.#blob.create(size, withPushRecord({}, record), conditionsOf(ifMatch)));
  }

  async copyFrom(base: CopiedBlob, record: PushRecord, ifMatch: string | undefined): Promise<void> {
    const source = await copySource(base, this.#blob, record.fingerprint);
    await this.#make(() => startCopy(this.#blob, source, withPushRecord({}, record), conditionsOf(ifMatch)));
  }

  async waitForCopy(onProgress: (done: number, total: number) => void): Promise<CopyEnd> {
    const properties = await waitForCopy(this.#blob, onProgress);
    const { copy } = properties;
    return {
      failure:
        copy && copy.status !== 'success' ? `${copy.status}: ${copy.description ?? 'no reason given'}` : undefined,
      untouched: untouchedCopy(properties),
    };
  }

  cleanUpCopy(base: CopiedBlob, fingerprint: string): Promise<void> {
    return dropCopySource(this.#session, base, fingerprint);
  }

  async open({ properties }: PageBlobSnapshot, request: WriterRequest): Promise<PageBlobWriter> {
    const context = this.#context;
    return new PageBlobWriter(context, await acquireLease(context, { ...request, seen: properties }));
  }

  releaseStale({ properties }: PageBlobSnapshot): Promise<void> {
    return releaseStaleLease(this.#context, properties);
  }

  seal(seen: PageBlobSnapshot, mode: SealMode): Promise<Seal> {
    return sealUnleased(this.#context, seen, mode);
  }

  /** Only work that changes something needs the folder. */
  get #context(): LeaseContext {
    return {
      session: this.#session,
      blob: this.#blob,
      stateFolder: this.#stateFolder ?? defaultStateFolder(),
    };
  }

  /** Makes the blob. Throws `destination-busy` if the service refuses because of a lease. */
  async #make<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof VhdupError) || failureOf(error.cause).code !== 'LeaseIdMissing') throw error;
      const metadata = (await this.#blob.properties())?.metadata ?? {};
      throw busy(this, 'it cannot be replaced: it is leased', parsePushRecord(metadata), error);
    }
  }
}

function conditionsOf(ifMatch: string | undefined): Conditions {
  return ifMatch === undefined ? { ifNoneMatch: '*' } : { ifMatch };
}

/**
 * Returns the ETag of a copy if nothing was written to it since the service completed it; else `undefined`. Both times have
 * whole seconds, so a write in the same second, before this look, goes unnoticed.
 */
function untouchedCopy({ copy, lastModified, etag }: BlobProperties): string | undefined {
  const completedAt = copy?.status === 'success' ? copy.completedAt : undefined;
  return completedAt && lastModified.getTime() <= completedAt.getTime() ? etag : undefined;
}
