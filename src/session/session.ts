import { VhdupError } from '../errors.js';
import { credentialsFor } from '../azure/credential.js';
import { Container } from '../azure/container.js';
import type { BlobLocation } from '../azure/location.js';
import { PageBlob } from '../azure/page-blob.js';
import { FLOOR_BYTES_PER_SECOND, ThroughputFloor } from '../azure/throughput-floor.js';
import { AZURE_ERRORS } from '../azure/service-error.js';
import { Retrier, throwIfStopped, type Stop } from '../run/retry.js';
import type { SessionOptions } from './options.js';
import type { Listener, Phase } from './events.js';
import { Traffic } from '../run/request-scheduler.js';

/** What all parts of one piece of work share: how to stop it, whom to tell, and how to speak to the service. */
export class Session {
  readonly stop: Stop;
  readonly traffic: Traffic;
  readonly tell: Listener;
  readonly warnings: string[] = [];
  readonly #abort = new AbortController();
  readonly #options: SessionOptions;
  readonly #retrier: Retrier;
  readonly #floor: ThroughputFloor;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.stop = { cancel: options.signal ?? new AbortController().signal, abort: this.#abort.signal };
    this.traffic = new Traffic(this.stop, options.concurrency, options.limit);
    this.tell = options.onEvent ?? (() => undefined);
    this.#retrier = new Retrier(this.stop, AZURE_ERRORS, {
      onRetry: (message) => {
        this.note(message);
      },
      policy: options.retry,
      pacer: this.traffic,
    });
    // A limit delays whole requests, not those under way. Still, the floor stays well below it, so that no request fails because of it.
    this.#floor = new ThroughputFloor(
      Math.min(FLOOR_BYTES_PER_SECOND, (options.limit ?? Infinity) / 4),
      options.retry?.floorWindowMs,
    );
  }

  /** Cuts off whatever runs; it fails with `reason`. */
  readonly abort = (reason: unknown): void => {
    this.#abort.abort(reason);
  };

  /** Throws where the work is to end. */
  throwIfStopped(): void {
    throwIfStopped(this.stop);
  }

  /** Ends the rest after a failure: at once, but on request, when running requests are finished. */
  readonly fail = (error: unknown): void => {
    if (!(error instanceof VhdupError && error.code === 'cancelled')) this.abort(error);
  };

  async blob(location: BlobLocation): Promise<PageBlob> {
    return new PageBlob(
      location,
      await credentialsFor(location, this.#options.environment, {
        allowHttp: this.#options.allowHttp,
        deadlineMs: this.#options.retry?.deadlineMs,
        floor: this.#floor,
      }),
      this.#retrier,
    );
  }

  containerOf({ location, credentials }: PageBlob): Container {
    return new Container(location, credentials, this.#retrier);
  }

  progress(phase: Phase, done: number, total: number, skipped?: number): void {
    this.tell({ type: 'progress', phase, done, total, ...(skipped === undefined ? {} : { skipped }) });
  }

  note(message: string): void {
    this.tell({ type: 'note', message });
  }

  warn(message: string): void {
    this.warnings.push(message);
    this.tell({ type: 'warning', message });
  }
}
