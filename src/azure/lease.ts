import type { BlobLeaseClient } from '@azure/storage-blob';
import { VhdupError } from '../errors.js';
import type { BlobProperties } from './blob-properties.js';
import type { Conditions } from './conditions.js';
import { leaseGuid, type LeaseId } from './lease-id.js';
import {
  RELEASE_TIMEOUT_MS,
  acquireInfiniteLease,
  isLeaseLost,
  releaseLeaseAfter,
  renewLease,
  takeOverLease,
} from './lease-requests.js';
import type { PageBlob } from './page-blob.js';
import { ServiceFailure, failureOf, hasStatus } from './service-error.js';

/** After how long a lease expires that is not renewed, in seconds (the service allows 15 to 60). */
export const LEASE_SECONDS = 30;

/** Sends a request that changes the lease's id to `next`. */
type ChangeRequest = (client: BlobLeaseClient, next: string) => Promise<unknown>;

/** A lease of this process: the right to write to a blob. Renewed until it is released or lost. */
export class Lease {
  #step: LeaseId;
  /** The id that the service has. */
  #id: string;
  readonly #renewalMs: number;
  readonly #blob: PageBlob;
  readonly #onLost: (error: VhdupError) => void;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;
  #isInfinite = false;
  #isComplete = false;
  /** The id that the lease may have, while a change of the id is under way or after it has failed. */
  #pendingId: string | undefined;
  /** When `release` may end the lease, by `performance.now()`. */
  #releaseAt: number | undefined;

  private constructor(blob: PageBlob, id: LeaseId, onLost: (error: VhdupError) => void) {
    this.#blob = blob;
    this.#step = id;
    this.#id = leaseGuid(id);
    this.#onLost = onLost;
    this.#renewalMs = (LEASE_SECONDS * 1000) / 3;
    this.#schedule();
  }

  /**
   * Acquires the lease; with `ifMatch` only if the blob has this ETag. Throws `destination-busy` if the blob is leased already.
   * Calls `onLost` later, at most once, if the lease is lost.
   */
  static async acquire(
    blob: PageBlob,
    id: LeaseId,
    onLost: (error: VhdupError) => void,
    conditions: Pick<Conditions, 'ifMatch'> = {},
  ): Promise<Lease> {
    const client = blob.client.getBlobLeaseClient(leaseGuid(id));
    await blob.run('lease it', (abortSignal) => client.acquireLease(LEASE_SECONDS, { abortSignal, conditions }));
    return new Lease(blob, id, onLost);
  }

  /**
   * Takes over the lease with the id `held`, by renewing it. The service renews an expired lease only if the blob was neither
   * written to nor leased since. So a success proves that only holders of this lease have written. The lease gets a new
   * id, so that an earlier holder that still runs can no longer write. Returns `undefined` if `held` is not its id.
   */
  static async takeOver(
    blob: PageBlob,
    held: LeaseId,
    root: string,
    onLost: (error: VhdupError) => void,
  ): Promise<Lease | undefined> {
    const heldId = leaseGuid(held);
    const id = { root, step: Math.min(held.step, 1) };
    if (!(await renewLease(blob, heldId)) || !(await takeOverLease(blob, heldId, leaseGuid(id)))) return undefined;
    return new Lease(blob, id, onLost);
  }

  /** The root of all ids of this lease: see `LeaseId`. */
  get root(): string {
    return this.#step.root;
  }

  /** The conditions that every write needs. */
  get conditions(): Conditions {
    return { leaseId: this.#id };
  }

  /** True if `delayRelease` or `markComplete` was called: the blob is complete, or may be. */
  get isReleaseDelayed(): boolean {
    return this.#releaseAt !== undefined;
  }

  /** True if all content of the blob was written, compared or found as copied under an unbroken chain of leases. */
  get isProved(): boolean {
    return this.#step.step > 0;
  }

  /**
   * Makes the lease infinite, under the id `id`. It outlives this process: `release` no longer ends it. The blob is under a lease all
   * the time, because the holder of a lease may acquire it again for another duration.
   */
  async makeInfinite(id: string): Promise<void> {
    await this.#pauseRenewal();
    await this.#change(id, this.#changeWithRetries);
    await acquireInfiniteLease(this.#blob, id, {});
    this.#isInfinite = true;
  }

  /**
   * Returns the properties of the blob at the end of the work. If its content is proved, fences first, so that requests that
   * are still on their way cannot change it. Returns `refused` if the lease is lost or has expired, `undefined` if the blob
   * is gone, is known to be complete, or no answer comes soon. Never throws.
   */
  async finalProperties(): Promise<BlobProperties | 'refused' | undefined> {
    if (this.#isInfinite || this.#isComplete || this.#pendingId !== undefined) return undefined;
    await this.#pauseRenewal();
    const abortSignal = AbortSignal.timeout(RELEASE_TIMEOUT_MS);
    try {
      // Without a proof there is no fence: the next step would mean that the content is proved.
      if (this.isProved) await this.#advance((client, next) => client.changeLease(next, { abortSignal }));
      return await this.#blob.propertiesOnce(abortSignal, this.conditions);
    } catch (error) {
      return hasStatus(error, 409, 412) ? 'refused' : undefined;
    }
  }

  /** Makes `release` end the lease no sooner than `seconds` from now; until then no other client can write. */
  delayRelease(seconds: number): void {
    this.#releaseAt = performance.now() + seconds * 1000;
  }

  /** Does the same for a blob that is known to be complete: `finalProperties` then returns `undefined`. */
  markComplete(seconds: number): void {
    this.delayRelease(seconds);
    this.#isComplete = true;
  }

  /** Releases the lease. Returns false if it may not have ended. Never throws, because a lease expires by itself. */
  async release(): Promise<boolean> {
    if (this.#isInfinite) return true;
    await this.#pauseRenewal();
    const seconds =
      this.#releaseAt === undefined ? 0 : Math.max(0, Math.ceil((this.#releaseAt - performance.now()) / 1000));
    // The service may have made a change whose answer was lost. Then one of the two is the lease's id.
    const outcomes = [
      await releaseLeaseAfter(this.#blob, this.#id, seconds),
      this.#pendingId === undefined ? 'refused' : await releaseLeaseAfter(this.#blob, this.#pendingId, seconds),
    ];
    return !outcomes.includes('unknown');
  }

  /**
   * Changes the id of the lease to that of the next step. Requests under the old id that are still on their way (given up and
   * tried again) are refused from here on: a late Clear Pages cannot wipe what is written next.
   */
  async fence(): Promise<void> {
    await this.#pauseRenewal();
    await this.#advance(this.#changeWithRetries);
    this.#schedule();
  }

  readonly #changeWithRetries: ChangeRequest = (client, next) =>
    this.#blob.run('change its lease', (abortSignal) => client.changeLease(next, { abortSignal }));

  async #advance(change: ChangeRequest): Promise<void> {
    const { root, step } = this.#step;
    const next = { root, step: step + 1 };
    await this.#change(leaseGuid(next), change);
    this.#step = next;
  }

  async #change(next: string, change: ChangeRequest): Promise<void> {
    this.#pendingId = next;
    await change(this.#blob.client.getBlobLeaseClient(this.#id), next);
    this.#id = next;
    this.#pendingId = undefined;
  }

  async #pauseRenewal(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#renewing;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#renewing = this.#renew();
    }, this.#renewalMs).unref();
  }

  async #renew(): Promise<void> {
    try {
      await this.#blob.client
        .getBlobLeaseClient(this.#id)
        .renewLease({ abortSignal: AbortSignal.timeout(this.#renewalMs) });
    } catch (error) {
      // After a network error the lease is not known to be lost. If it is, the service refuses the next write.
      if (isLeaseLost(error)) {
        const { status, code } = failureOf(error);
        this.#onLost(
          new VhdupError(
            'lease-lost',
            `${this.#blob.uri}: the lease was lost (${code ?? status ?? ''}): it was broken, or the blob was deleted`,
            {
              cause: new ServiceFailure(error),
              hint: 'see who else writes to it, then run the same command to resume',
            },
          ),
        );
        return;
      }
    }
    if (this.#timer) this.#schedule();
  }
}
