import { VhdupError } from '../errors.js';
import { awaitBoth } from '../run/concurrency.js';
import type { Session } from '../session/session.js';
import { ContentDigests } from './content-digests.js';
import type { Content, DigestComputation, DigestHints, DigestRequest, Digests } from './digest-computation.js';
import { READ_AHEAD, scan, type AbortControl, type Consumer } from './scan.js';

/** Windows in memory during a scan that serves nothing but digests. */
const WINDOWS = 5;

/** Reads `content` only to compute its digests, and returns them. */
export async function digestsOf(
  session: Session,
  content: Content,
  request: DigestRequest,
  hints: DigestHints,
): Promise<Digests> {
  return scanForDigests(session, content, await ContentDigests.start(session, content, request, hints));
}

/**
 * Reads `content` only for `computation`, closes it, and returns the digests. At most `windows` windows are in memory.
 */
export async function scanForDigests(
  session: Session,
  content: Content,
  computation: DigestComputation,
  windows = WINDOWS,
): Promise<Digests> {
  await using running = new RunningDigest(session, content, Promise.resolve(computation), () => false);
  return await running.finish([], () => windows);
}

/** Computes digests while other work goes on. It may be disposed of at any time, which ends it. */
export class RunningDigest implements AsyncDisposable {
  readonly #session: Session;
  readonly #content: Content;
  readonly #computation: Promise<DigestComputation>;
  readonly #isSeparate: (consumer: Consumer) => boolean;
  /** The scan of the separate consumers. */
  readonly #scan: Promise<void>;
  #isDisposed = false;
  #disposed: Promise<void> | undefined;

  /**
   * Starts as soon as `computation` has resolved. The consumers for which `isSeparate` is true read the content on
   * their own, from now on; the rest read it together with others, in `finish`. A failure is reported to the session at
   * once, and thrown by `finish`.
   */
  constructor(
    session: Session,
    content: Content,
    computation: Promise<DigestComputation>,
    isSeparate: (consumer: Consumer) => boolean,
  ) {
    this.#session = session;
    this.#content = content;
    this.#computation = computation;
    this.#isSeparate = isSeparate;
    const control: AbortControl = {
      throwIfStopped: () => {
        if (this.#isDisposed) throw new VhdupError('cancelled', 'the digests are no longer needed');
        session.throwIfStopped();
      },
      fail: (error) => {
        if (!this.#isDisposed) session.fail(error);
      },
    };
    this.#scan = computation.then(({ consumers }) =>
      scan(control, content, consumers.filter(isSeparate), () => READ_AHEAD),
    );
    this.#scan.catch(control.fail);
  }

  /**
   * Computes what is left, in one scan with `others`, and returns the digests. At most `windows()` windows are in
   * memory for `others`, besides those that are read ahead.
   */
  async finish(others: readonly Consumer[], windows: () => number): Promise<Digests> {
    const computation = await this.#computation;
    const shared = computation.consumers.filter((consumer) => !this.#isSeparate(consumer));
    await awaitBoth(
      scan(this.#session, this.#content, [...others, ...shared], () => windows() + READ_AHEAD),
      this.#scan,
      this.#session.fail,
    );
    return computation.finish();
  }

  /** Ends the scan, and closes the computation. Never throws. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#dispose());
  }

  async #dispose(): Promise<void> {
    this.#isDisposed = true;
    const computation = await this.#computation.catch(() => undefined);
    await computation?.close();
    await this.#scan.catch(() => undefined);
  }
}
