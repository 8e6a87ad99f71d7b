import { VhdupError, hasCode } from '../errors.js';
import { credentialsFor } from '../azure/credential.js';
import { Container } from '../azure/container.js';
import type { BlobLocation } from '../azure/location.js';
import { PageBlob } from '../azure/page-blob.js';
import { FLOOR_BYTES_PER_SECOND, ThroughputFloor } from '../azure/throughput-floor.js';
import { AZURE_ERRORS } from '../azure/service-error.js';
import { Retrier } from '../run/retry.js';
import { throwIfStopped, type Stop } from '../run/stop.js';
import type { SessionOptions } from './options.js';
import type { Listener, Phase } from './events.js';
import { RequestScheduler } from '../run/request-scheduler.js';

/**
 * What all parts of a command share: how it is stopped, the events that it emits, and the connection to the service.
 */
export class Session {
  readonly stop: Stop;
  readonly scheduler: RequestScheduler;
  readonly emit: Listener;
  readonly warnings: string[] = [];
  readonly #abort = new AbortController();
  readonly #options: SessionOptions;
  readonly #retrier: Retrier;
  readonly #floor: ThroughputFloor;

  /** Throws `usage` if the concurrency is no number. */
  constructor(options: SessionOptions) {
    if (Number.isNaN(options.concurrency)) throw new VhdupError('usage', 'the concurrency is not a number');
    this.#options = options;
    this.stop = { cancel: options.signal ?? new AbortController().signal, abort: this.#abort.signal };
    this.scheduler = new RequestScheduler(this.stop, options.concurrency, options.limit);
    this.emit = options.onEvent ?? (() => undefined);
    this.#retrier = new Retrier(this.stop, AZURE_ERRORS, {
      onRetry: (message) => {
        this.note(message);
      },
      policy: options.retry,
      pacer: this.scheduler,
    });
    // A rate limit delays the start of requests. The floor stays well below it all the same, so that no request fails
    // because of the limit.
    this.#floor = new ThroughputFloor(
      Math.min(FLOOR_BYTES_PER_SECOND, (options.limit ?? Infinity) / 4),
      options.retry?.floorWindowMs,
    );
  }

  /** Cuts off all running requests. They fail with `reason`. */
  readonly abort = (reason: unknown): void => {
    this.#abort.abort(reason);
  };

  /** Throws the reason if the work was stopped: `cancelled`, or the first failure. */
  throwIfStopped(): void {
    throwIfStopped(this.stop);
  }

  /** Ends the rest of the work after a failure: at once, but after `cancelled` running requests finish first. */
  readonly fail = (error: unknown): void => {
    if (!hasCode(error, 'cancelled')) this.abort(error);
  };

  /** Returns the page blob at `location`, with the credentials for it. Sends no request to the blob. */
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

  /** Returns the container of a blob. */
  containerOf({ location, credentials }: PageBlob): Container {
    return new Container(location, credentials, this.#retrier);
  }

  /** Emits how far a phase is, in bytes. `amounts`: see `SessionEvent`. */
  progress(
    phase: Phase,
    done: number,
    total: number,
    amounts: { readonly skipped?: number; readonly transferred?: number } = {},
  ): void {
    this.emit({ type: 'progress', phase, done, total, ...amounts });
  }

  /** Emits a note. */
  note(message: string): void {
    this.emit({ type: 'note', message });
  }

  /** Emits a warning, and keeps it for the result. */
  warn(message: string): void {
    this.warnings.push(message);
    this.emit({ type: 'warning', message });
  }
}
