import { VhdupError } from '../errors.js';
import { copyRange, type RangeCopy } from '../azure/copy-range.js';
import type { Lease } from '../azure/lease.js';
import type { PageBlob } from '../azure/page-blob.js';
import { rangeSet, type Range, type RangeSet } from '../bytes/range.js';
import type { LeafSource } from '../content/digest-computation.js';
import { leafListOf } from '../protocol/leaf-list.js';
import type { LeaseContext } from '../protocol/lease-context.js';
import { withPushRecord, type PushRecord } from '../protocol/push-record.js';
import { releaseLease, secondsUntilNoticed } from '../protocol/release-lease.js';
import { requireStillThere } from '../protocol/require-blob.js';
import { sealUnderLease, type Seal, type SealMode } from '../protocol/seal.js';
import { deleteLeafList, tryToWriteLeafList } from '../protocol/write-leaf-list.js';
import type { Completion, CopiedRange, DestinationWriter } from './destination.js';
import { snapshotOf, type PageBlobSnapshot } from './page-blob-snapshot.js';

/** How often the time of completion is set before `transfer-failed` is thrown. */
const MAX_COMPLETIONS = 5;

/** A page blob whose lease this process holds. Every request carries the lease's id. */
export class PageBlobWriter implements DestinationWriter {
  readonly #context: LeaseContext;
  readonly #blob: PageBlob;
  readonly #lease: Lease;

  constructor(context: LeaseContext, lease: Lease) {
    this.#context = context;
    this.#blob = context.blob;
    this.#lease = lease;
  }

  get isProved(): boolean {
    return this.#lease.isProved;
  }

  fence(): Promise<void> {
    return this.#lease.fence();
  }

  readInto(offset: number, into: Uint8Array): Promise<void> {
    return this.#blob.readInto(offset, into, this.#lease.conditions);
  }

  async pageRanges(): Promise<RangeSet> {
    return rangeSet(await this.#blob.pageRanges(this.#lease.conditions));
  }

  write(offset: number, bytes: Uint8Array, md5: Uint8Array): Promise<void> {
    return this.#blob.write(offset, bytes, md5, this.#lease.conditions);
  }

  copyRange(range: Range, { base: { blob, properties }, offset, md5 }: CopiedRange): Promise<RangeCopy> {
    return copyRange(this.#blob, range, { blob, etag: properties.etag, offset, md5 }, this.#lease.conditions);
  }

  clear(range: Range): Promise<void> {
    return this.#blob.clear(range, this.#lease.conditions);
  }

  resize(size: number): Promise<void> {
    return this.#blob.resize(size, this.#lease.conditions);
  }

  async inspect(): Promise<PageBlobSnapshot> {
    return snapshotOf(await requireStillThere(this.#blob));
  }

  async saveRecord({ properties: { metadata } }: PageBlobSnapshot, record: PushRecord): Promise<void> {
    await this.#blob.setMetadata(withPushRecord(metadata, record), this.#lease.conditions);
  }

  async removeContentMd5({ properties }: PageBlobSnapshot): Promise<void> {
    if (properties.contentMd5) await this.#blob.setContentMd5(undefined, properties, this.#lease.conditions);
  }

  saveLeafList(tree: Uint8Array, leaves: LeafSource): Promise<void> {
    const { session } = this.#context;
    const disk = { size: leaves.size, tree, name: this.#blob.location.name, etag: undefined };
    return tryToWriteLeafList(session, leafListOf(session, this.#blob), { leaves, disk });
  }

  deleteLeafList(): Promise<void> {
    return deleteLeafList(leafListOf(this.#context.session, this.#blob));
  }

  /**
   * Writes the footer, sets Content-MD5, then the state `complete` with a time that is not before this last change. Holds the
   * lease until that time is over. So every write after the push gives the blob a later Last-Modified, and nothing else does.
   */
  async complete({ footer, footerOffset, identity, digests: { md5, tree } }: Completion): Promise<void> {
    const { conditions } = this.#lease;
    await this.write(footerOffset, footer.bytes, footer.md5);
    const properties = await requireStillThere(this.#blob);
    const digests = tree && { tree: tree.toString('hex'), md5: md5?.toString('hex') };
    const save = (record: PushRecord) =>
      this.#blob.setMetadata(withPushRecord(properties.metadata, record), conditions);
    let { date } = await this.#blob.setContentMd5(md5, properties, conditions);
    // The next answer is expected a second later; each time that it comes later than expected, twice as much is allowed.
    for (let tries = 1, delayMs = 1000; tries <= MAX_COMPLETIONS; tries++, delayMs *= 2) {
      const completedAt = new Date(date.getTime() + delayMs);
      // Set before the request, in case its answer is lost.
      this.#lease.delayRelease(delayMs / 1000 + 2);
      const { lastModified } = await save({
        ...identity,
        state: 'complete',
        completedAt,
        completedSlackMs: 0,
        digests,
      });
      const left = completedAt.getTime() - lastModified.getTime();
      if (left >= 0) {
        this.#lease.markComplete(left / 1000 + 1);
        return;
      }
      // This Last-Modified would look like a later write by another client, so the blob must not stay complete.
      ({ date } = await save({ ...identity, state: 'writing' }));
    }
    throw new VhdupError(
      'transfer-failed',
      `${this.#blob.uri}: the service took too long to complete it, ${MAX_COMPLETIONS} times`,
      { hint: 'run the same command again' },
    );
  }

  markComplete({ properties }: PageBlobSnapshot): void {
    this.#lease.markComplete(secondsUntilNoticed(properties));
  }

  seal(mode: SealMode): Promise<Seal> {
    return sealUnderLease(this.#context, this.#lease, mode);
  }

  async giveUp(): Promise<void> {
    await this.#lease.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await releaseLease(this.#context, this.#lease);
  }
}
