import { VhdupError, messageOf } from '../errors.js';
import type { Conditions, PageBlob } from './page-blob.js';
import { failureOf } from './service-error.js';

/** How long the service keeps a lease that nobody renews, in seconds (15 to 60). */
export const LEASE_SECONDS = 30;

/** The right to write to a blob, held and renewed until it is released or lost. */
export class Lease {
  readonly id: string;
  readonly #blob: PageBlob;
  readonly #onLost: (error: VhdupError) => void;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;

  private constructor(blob: PageBlob, id: string, seconds: number, onLost: (error: VhdupError) => void) {
    this.#blob = blob;
    this.id = id;
    this.#onLost = onLost;
    this.#schedule((seconds * 1000) / 3);
  }

  /** Takes the lease; throws `destination-busy` where somebody holds it. `onLost` is called at most once, later. */
  static async acquire(blob: PageBlob, id: string, seconds: number, onLost: (error: VhdupError) => void): Promise<Lease> {
    const client = blob.client.getBlobLeaseClient(id);
    await blob.run('lease it', (abortSignal) => client.acquireLease(seconds, { abortSignal }));
    return new Lease(blob, id, seconds, onLost);
  }

  /**
   * Takes over a lease of an earlier process on this machine. The lease gets a new id, so that the earlier process,
   * should it live after all, can write no more. `undefined` where `oldId` holds nothing any longer.
   */
  static async takeOver(blob: PageBlob, oldId: string, id: string, seconds: number, onLost: (error: VhdupError) => void): Promise<Lease | undefined> {
    try {
      await blob.run('take over its lease', (abortSignal) => blob.client.getBlobLeaseClient(oldId).changeLease(id, { abortSignal }));
      await blob.run('renew its lease', (abortSignal) => blob.client.getBlobLeaseClient(id).renewLease({ abortSignal }));
    } catch (error) {
      if (error instanceof VhdupError && [409, 412].includes(failureOf(error.cause).status ?? 0)) return undefined;
      throw error;
    }
    return new Lease(blob, id, seconds, onLost);
  }

  /** What every write has to carry. */
  get conditions(): Conditions {
    return { leaseId: this.id };
  }

  /** Gives the lease back; never throws, since it runs out by itself. */
  async release(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#renewing;
    clearTimeout(this.#timer);
    await releaseLease(this.#blob, this.id);
  }

  #schedule(milliseconds: number): void {
    this.#timer = setTimeout(() => {
      this.#renewing = this.#renew(milliseconds);
    }, milliseconds).unref();
  }

  async #renew(milliseconds: number): Promise<void> {
    try {
      await this.#blob.client.getBlobLeaseClient(this.id).renewLease({ abortSignal: AbortSignal.timeout(milliseconds) });
    } catch (error) {
      const { status, code } = failureOf(error);
      // Only a clear word ends it. Without one (a network failure) writes fail by themselves while the lease is gone.
      if (status !== undefined && [404, 409, 412].includes(status)) {
        this.#onLost(new VhdupError('lease-lost', `${this.#blob.uri}: the lease was lost (${code ?? messageOf(error)}): somebody broke it, or deleted the blob`, { cause: error, hint: 'see who else writes to it, then run the same command to resume' }));
        return;
      }
    }
    if (this.#timer) this.#schedule(milliseconds);
  }
}

const RELEASE_MS = 10_000;

/** Gives a lease back; never throws, since it runs out by itself. Works also after a stop. */
export async function releaseLease(blob: PageBlob, id: string): Promise<void> {
  await blob.client.getBlobLeaseClient(id).releaseLease({ abortSignal: AbortSignal.timeout(RELEASE_MS) }).catch(() => undefined);
}
