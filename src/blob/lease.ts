import { createHash } from 'node:crypto';
import { VhdupError } from '../errors.js';
import type { Conditions, PageBlob } from './page-blob.js';
import { ServiceFailure, failureOf } from './service-error.js';

/** How long the service keeps a lease that nobody renews, in seconds (15 to 60). */
export const LEASE_SECONDS = 30;

/** The right to write to a blob, held and renewed until it is released or lost. */
export class Lease {
  #id: string;
  readonly #milliseconds: number;
  readonly #blob: PageBlob;
  readonly #onLost: (error: VhdupError) => void;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;
  #isKept = false;
  /** The id that it may have by now, while a change is under way or has failed. */
  #next: string | undefined;

  private constructor(blob: PageBlob, id: string, seconds: number, onLost: (error: VhdupError) => void) {
    this.#blob = blob;
    this.#id = id;
    this.#onLost = onLost;
    this.#milliseconds = (seconds * 1000) / 3;
    this.#schedule();
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
    return { leaseId: this.#id };
  }

  /**
   * Makes the lease one without end, under the id `id`, that outlives this process; `release` leaves it be. There is no
   * moment between the two without a lease: who holds one may acquire it again for another duration.
   */
  async keep(id: string): Promise<void> {
    await this.#pauseRenewal();
    await this.#change(id);
    await acquireForever(this.#blob, id, {});
    this.#isKept = true;
  }

  /** Gives the lease back; never throws, since it runs out by itself. False where it may still hold. */
  async release(): Promise<boolean> {
    if (this.#isKept) return true;
    await this.#pauseRenewal();
    // The service may have made a change whose answer was lost. Whatever comes first there, one of the two is its id.
    const released = [await releaseLease(this.#blob, this.#id), this.#next === undefined || await releaseLease(this.#blob, this.#next)];
    return !released.includes(false);
  }

  /**
   * Goes on under another id. Whatever was sent under the old one and is still on its way (a request that was given up
   * and tried again) is refused from here on: a late Clear Pages cannot wipe what is written next.
   */
  async fence(): Promise<void> {
    await this.#pauseRenewal();
    await this.#change(successorOf(this.#id));
    this.#schedule();
  }

  async #change(next: string): Promise<void> {
    const client = this.#blob.client.getBlobLeaseClient(this.#id);
    this.#next = next;
    await this.#blob.run('change its lease', (abortSignal) => client.changeLease(next, { abortSignal }));
    this.#id = next;
    this.#next = undefined;
  }

  async #pauseRenewal(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#renewing;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#renewing = this.#renew();
    }, this.#milliseconds).unref();
  }

  async #renew(): Promise<void> {
    try {
      await this.#blob.client.getBlobLeaseClient(this.#id).renewLease({ abortSignal: AbortSignal.timeout(this.#milliseconds) });
    } catch (error) {
      const { status, code } = failureOf(error);
      // Only a clear word ends it. Without one (a network failure) writes fail by themselves while the lease is gone.
      if (status !== undefined && [404, 409, 412].includes(status)) {
        this.#onLost(new VhdupError('lease-lost', `${this.#blob.uri}: the lease was lost (${code ?? status}): somebody broke it, or deleted the blob`, { cause: new ServiceFailure(error), hint: 'see who else writes to it, then run the same command to resume' }));
        return;
      }
    }
    if (this.#timer) this.#schedule();
  }
}

/** The id that `fence` changes a lease to: a crash between the change and a note of it leaves both known. */
export function successorOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const RELEASE_MS = 10_000;

/** Gives a lease back; never throws, since it runs out by itself. Works also after a stop. False where the service gave no clear word. */
export async function releaseLease(blob: PageBlob, id: string): Promise<boolean> {
  try {
    await blob.client.getBlobLeaseClient(id).releaseLease({ abortSignal: AbortSignal.timeout(RELEASE_MS) });
    return true;
  } catch (error) {
    return [404, 409, 412].includes(failureOf(error).status ?? 0);
  }
}

/** Takes an infinite lease; throws `destination-busy` where somebody holds one with another id. */
export async function acquireForever(blob: PageBlob, id: string, conditions: Pick<Conditions, 'ifMatch'>): Promise<void> {
  await blob.run('lease it without end', (abortSignal) => blob.client.getBlobLeaseClient(id).acquireLease(-1, { abortSignal, conditions }));
}

/** True where `id` is that of the lease that holds. */
export async function isHeldBy(blob: PageBlob, id: string): Promise<boolean> {
  return succeeds(blob.run('renew its lease', (abortSignal) => blob.client.getBlobLeaseClient(id).renewLease({ abortSignal })));
}

/** Ends an infinite lease; false where `id` is not its id. */
export async function endLease(blob: PageBlob, id: string): Promise<boolean> {
  return succeeds(blob.run('release its lease', (abortSignal) => blob.client.getBlobLeaseClient(id).releaseLease({ abortSignal })));
}

/** Ends any lease at once, whoever holds it. */
export async function breakLease(blob: PageBlob): Promise<void> {
  await blob.run('break its lease', (abortSignal) => blob.client.getBlobLeaseClient().breakLease(0, { abortSignal }));
}

async function succeeds(request: Promise<unknown>): Promise<boolean> {
  try {
    await request;
    return true;
  } catch (error) {
    if (error instanceof VhdupError && [409, 412].includes(failureOf(error.cause).status ?? 0)) return false;
    throw error;
  }
}
