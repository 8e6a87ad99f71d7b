import type { BlobLeaseClient } from '@azure/storage-blob';
import { VhdupError } from '../errors.js';
import { textOf, type LeaseId } from './lease-id.js';
import type { BlobProperties, Conditions, PageBlob } from './page-blob.js';
import { ServiceFailure, failureOf, hasStatus } from './service-error.js';

/** How long the service keeps a lease that nobody renews, in seconds (15 to 60). */
export const LEASE_SECONDS = 30;

/** Asks the service for another id. */
type Change = (client: BlobLeaseClient, next: string) => Promise<unknown>;

/** The right to write to a blob, held and renewed until it is released or lost. */
export class Lease {
  #step: LeaseId;
  /** As the service has it. */
  #id: string;
  readonly #milliseconds: number;
  readonly #blob: PageBlob;
  readonly #onLost: (error: VhdupError) => void;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;
  #isKept = false;
  #isFinished = false;
  /** The id that it may have by now, while a change is under way or has failed. */
  #next: string | undefined;
  /** By `performance.now()`. */
  #endsAfter: number | undefined;

  private constructor(blob: PageBlob, id: LeaseId, onLost: (error: VhdupError) => void) {
    this.#blob = blob;
    this.#step = id;
    this.#id = textOf(id);
    this.#onLost = onLost;
    this.#milliseconds = (LEASE_SECONDS * 1000) / 3;
    this.#schedule();
  }

  /**
   * Takes the lease; with `ifMatch` only if the blob has this ETag. Throws `destination-busy` if the blob is leased already.
   * `onLost` is called at most once, later.
   */
  static async acquire(
    blob: PageBlob,
    id: LeaseId,
    onLost: (error: VhdupError) => void,
    conditions: Pick<Conditions, 'ifMatch'> = {},
  ): Promise<Lease> {
    const client = blob.client.getBlobLeaseClient(textOf(id));
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
    const client = blob.client.getBlobLeaseClient(textOf(held));
    const id = { root, step: Math.min(held.step, 1) };
    if (!(await succeeds(blob.run('renew its lease', (abortSignal) => client.renewLease({ abortSignal })))))
      return undefined;
    if (
      !(await succeeds(
        blob.run('take over its lease', (abortSignal) => client.changeLease(textOf(id), { abortSignal })),
      ))
    )
      return undefined;
    return new Lease(blob, id, onLost);
  }

  /** All its ids follow from it: see `LeaseId`. */
  get root(): string {
    return this.#step.root;
  }

  /** What every write has to carry. */
  get conditions(): Conditions {
    return { leaseId: this.#id };
  }

  /** True if `holdFor` was called: the blob is complete, or may be. */
  get isHeldOn(): boolean {
    return this.#endsAfter !== undefined;
  }

  /** True if all content of the blob was written, compared or found as copied under an unbroken chain of leases. */
  get isProved(): boolean {
    return this.#step.step > 0;
  }

  /**
   * Makes the lease one without end, under the id `id`, that outlives this process; `release` leaves it be. There is no
   * moment between the two without a lease: who holds one may acquire it again for another duration.
   */
  async keep(id: string): Promise<void> {
    await this.#pauseRenewal();
    await this.#change(id, this.#retried);
    await acquireForever(this.#blob, id, {});
    this.#isKept = true;
  }

  /**
   * Returns the properties of the blob at the end of the work. If its content is proved, fences first, so that requests that
   * are still on their way cannot change it. Returns `refused` if the lease is lost or has expired, `undefined` if the blob
   * is gone, is known to be complete, or no answer comes soon. Never throws.
   */
  async lastLook(): Promise<BlobProperties | 'refused' | undefined> {
    if (this.#isKept || this.#isFinished || this.#next !== undefined) return undefined;
    await this.#pauseRenewal();
    const abortSignal = AbortSignal.timeout(RELEASE_MS);
    try {
      // The next step would mean that the content is proved.
      if (this.isProved) await this.#advance((client, next) => client.changeLease(next, { abortSignal }));
      return await this.#blob.propertiesNow(abortSignal, this.conditions);
    } catch (error) {
      return hasStatus(error, 409, 412) ? 'refused' : undefined;
    }
  }

  /** Makes `release` end the lease no sooner than `seconds` from now; until then no other client can write. */
  holdFor(seconds: number): void {
    this.#endsAfter = performance.now() + seconds * 1000;
  }

  /** The same for a blob that is known to be complete: there is nothing to look at in the end. */
  finishIn(seconds: number): void {
    this.holdFor(seconds);
    this.#isFinished = true;
  }

  /** Releases the lease; never throws, since it runs out by itself. Returns false if it may still hold. */
  async release(): Promise<boolean> {
    if (this.#isKept) return true;
    await this.#pauseRenewal();
    const seconds =
      this.#endsAfter === undefined ? 0 : Math.max(0, Math.ceil((this.#endsAfter - performance.now()) / 1000));
    // The service may have made a change whose answer was lost. Whatever comes first there, one of the two is its id.
    const ends = [
      await endLeaseIn(this.#blob, this.#id, seconds),
      this.#next === undefined ? 'refused' : await endLeaseIn(this.#blob, this.#next, seconds),
    ];
    return !ends.includes('unknown');
  }

  /**
   * Changes the id of the lease to that of the next step. Requests under the old id that are still on their way (given up and
   * tried again) are refused from here on: a late Clear Pages cannot wipe what is written next.
   */
  async fence(): Promise<void> {
    await this.#pauseRenewal();
    await this.#advance(this.#retried);
    this.#schedule();
  }

  readonly #retried: Change = (client, next) =>
    this.#blob.run('change its lease', (abortSignal) => client.changeLease(next, { abortSignal }));

  async #advance(change: Change): Promise<void> {
    const { root, step } = this.#step;
    const next = { root, step: step + 1 };
    await this.#change(textOf(next), change);
    this.#step = next;
  }

  async #change(next: string, change: Change): Promise<void> {
    this.#next = next;
    await change(this.#blob.client.getBlobLeaseClient(this.#id), next);
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
      await this.#blob.client
        .getBlobLeaseClient(this.#id)
        .renewLease({ abortSignal: AbortSignal.timeout(this.#milliseconds) });
    } catch (error) {
      if (isRefused(error)) {
        const { status, code } = failureOf(error);
        this.#onLost(
          new VhdupError(
            'lease-lost',
            `${this.#blob.uri}: the lease was lost (${code ?? status ?? ''}): somebody broke it, or deleted the blob`,
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

/** Only 404, 409 or 412 means that the lease is lost. A network failure does not: without the lease, writes fail anyway. */
function isRefused(error: unknown): boolean {
  return hasStatus(error, 404, 409, 412);
}

const RELEASE_MS = 10_000;

/** `refused`: the blob has no lease with this id, or no longer; `unknown`: no answer came. */
export type LeaseEnd = 'ended' | 'refused' | 'unknown';

/**
 * Ends a lease in `seconds` (0 to 60); until then no other client can write. Never throws, since a lease runs out by itself.
 * Also works after a stop.
 */
export async function endLeaseIn(blob: PageBlob, id: string, seconds: number): Promise<LeaseEnd> {
  const client = blob.client.getBlobLeaseClient(id);
  const abortSignal = AbortSignal.timeout(RELEASE_MS);
  try {
    if (seconds > 0) {
      // A break period is never longer than what is left of the lease, so it is renewed first.
      await client.renewLease({ abortSignal });
      await client.breakLease(seconds, { abortSignal });
    } else {
      await client.releaseLease({ abortSignal });
    }
    return 'ended';
  } catch (error) {
    return isRefused(error) ? 'refused' : 'unknown';
  }
}

/** Takes an infinite lease; throws `destination-busy` where somebody holds one with another id. */
export async function acquireForever(
  blob: PageBlob,
  id: string,
  conditions: Pick<Conditions, 'ifMatch'>,
): Promise<void> {
  await blob.run('lease it without end', (abortSignal) =>
    blob.client.getBlobLeaseClient(id).acquireLease(-1, { abortSignal, conditions }),
  );
}

/** Returns true if the blob is leased under `id`. */
export async function isHeldBy(blob: PageBlob, id: string): Promise<boolean> {
  return succeeds(
    blob.run('renew its lease', (abortSignal) => blob.client.getBlobLeaseClient(id).renewLease({ abortSignal })),
  );
}

/** Ends an infinite lease; false where `id` is not its id. */
export async function endLease(blob: PageBlob, id: string): Promise<boolean> {
  return succeeds(
    blob.run('release its lease', (abortSignal) => blob.client.getBlobLeaseClient(id).releaseLease({ abortSignal })),
  );
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
    if (hasStatus(error, 409, 412)) return false;
    throw error;
  }
}
