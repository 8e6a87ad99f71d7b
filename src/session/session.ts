import { hasCode, type Warning } from '../errors.js';
import { checkOptions } from '../option-rules.js';
import { BlockBlob } from '../azure/block-blob.js';
import { credentialsFor, type Credentials } from '../azure/credential.js';
import { Container } from '../azure/container.js';
import type { BlobLocation, ContainerLocation } from '../azure/location.js';
import { PageBlob } from '../azure/page-blob.js';
import { FLOOR_BYTES_PER_SECOND, ThroughputFloor } from '../azure/throughput-floor.js';
import { expiryWarning } from '../azure/sas.js';
import { AZURE_ERRORS } from '../azure/service-error.js';
import { Retrier } from '../run/retry.js';
import { throwIfStopped, type Stop } from '../run/stop.js';
import { SESSION_RULES, type SessionOptions } from './options.js';
import type { Listener, Phase } from './events.js';
import { RequestScheduler } from '../run/request-scheduler.js';

/** How long a command took, and how fast it was. */
export interface Pace {
  /** Milliseconds from the call to the result. */
  readonly durationMs: number;
  /** Bytes of content that were sent or fetched, a second, over the whole duration. */
  readonly bytesPerSecond: number;
}

/**
 * What all parts of a command share: how it is stopped, the events that it emits, and the connection to the service.
 */
export class Session implements AsyncDisposable {
  readonly stop: Stop;
  readonly scheduler: RequestScheduler;
  readonly emit: Listener;
  readonly warnings: Warning[] = [];
  readonly #began = performance.now();
  readonly #abort = new AbortController();
  /** Each SAS that a warning has named. */
  readonly #expiring = new Set<string>();
  readonly #options: SessionOptions;
  readonly #retrier: Retrier;
  readonly #floor: ThroughputFloor;
  readonly #deferred: (() => Promise<void>)[] = [];

  /** Throws `usage` if an option has a value that it does not take. */
  constructor(options: SessionOptions) {
    checkOptions(options, SESSION_RULES);
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

  /** Calls `close` when the session ends: the latest first. It never throws. */
  defer(close: () => Promise<void>): void {
    this.#deferred.push(close);
  }

  /** Ends the session: closes what was kept for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (let close = this.#deferred.pop(); close; close = this.#deferred.pop()) await close();
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
    return new PageBlob(location, await this.#credentialsFor(location), this.#retrier);
  }

  /** Returns the block blob with another name in the container of a blob, with the credentials of that one. */
  blockBlob({ location, credentials }: PageBlob, name: string): BlockBlob {
    const beside = { ...location, name, snapshot: undefined, versionId: undefined };
    return new BlockBlob(beside, credentials, this.#retrier);
  }

  #credentialsFor(location: ContainerLocation): Promise<Credentials> {
    return credentialsFor(location, this.#options.environment, {
      accountSas: this.#options.accountSas,
      allowHttp: this.#options.allowHttp,
      deadlineMs: this.#options.retry?.deadlineMs,
      floor: this.#floor,
      onRequest: this.#options.requestEvents
        ? (record) => {
            // This is called by a socket: what the listener throws would end the process.
            try {
              this.emit({ type: 'request', ...record });
            } catch (error) {
              this.fail(error);
            }
          }
        : undefined,
    });
  }

  /** Returns the container at `location`, with the credentials for it. Sends no request to it. */
  async container(location: ContainerLocation): Promise<Container> {
    return new Container(location, await this.#credentialsFor(location), this.#retrier);
  }

  /** Returns the container of a blob. */
  containerOf({ location, credentials }: PageBlob): Container {
    return new Container(location, credentials, this.#retrier);
  }

  /** Warns if the SAS of a blob ends soon, or before `bytes` of content are likely to be moved. */
  warnOfExpiry({ uri, credentials: { sas } }: PageBlob, bytes: number): void {
    const warning = sas === undefined ? undefined : expiryWarning(sas, bytes);
    if (sas === undefined || warning === undefined || this.#expiring.has(sas)) return;
    this.#expiring.add(sas);
    this.warn({ code: 'sas-expires-soon', message: `${uri}: ${warning}` });
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
  warn(warning: Warning): void {
    this.warnings.push(warning);
    this.emit({ type: 'warning', ...warning });
  }

  /** Returns the time since the start of the command, and the rate at which it has moved `bytes` in that time. */
  paceOf(bytes: number): Pace {
    const durationMs = Math.round(performance.now() - this.#began);
    return { durationMs, bytesPerSecond: Math.round((bytes * 1000) / Math.max(1, durationMs)) };
  }
}
