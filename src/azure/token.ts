import type { newPipeline } from '@azure/storage-blob';
import { RequestAborted } from './exchange.js';

/** The credential of a sign-in. Its type is that of `@azure/storage-blob`: the types of `@azure/identity` need those of a browser. */
export type TokenCredential = Extract<Parameters<typeof newPipeline>[0], { getToken: unknown }>;

type AccessToken = NonNullable<Awaited<ReturnType<TokenCredential['getToken']>>>;
type GetTokenOptions = NonNullable<Parameters<TokenCredential['getToken']>[1]>;

/** What a token has to be for, unless the SDK asks for something else. */
const STORAGE_SCOPE = 'https://storage.azure.com/.default';
/** A token is renewed this long before it expires, in milliseconds, unless it says itself when. */
const RENEW_BEFORE_MS = 5 * 60_000;
/** A token is not used in its last seconds: a request takes time. */
const UNUSABLE_BEFORE_MS = 10_000;
/** The least time between two attempts to renew a token that can still be used. */
const MIN_RENEWAL_INTERVAL_MS = 30_000;

interface Held {
  readonly token: AccessToken;
  renewalTriedAt: number;
}

/** A request for a token: the tokens of equal ones are interchangeable. */
interface Wanted {
  readonly key: string;
  readonly scopes: string[];
  readonly options: GetTokenOptions;
}

/**
 * Keeps the tokens of a credential for the SDK's requests and for those without the SDK. The same token serves all requests, and
 * many that need one at a time cause one sign-in. A token is renewed in the background before it expires.
 */
export class CachedToken implements TokenCredential {
  readonly #credential: TokenCredential;
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();
  readonly #pending = new Map<string, Promise<AccessToken | null>>();
  /** The tenant that the service has named, for requests without the SDK. */
  #tenantId: string | undefined;

  constructor(credential: TokenCredential, now: () => number = Date.now) {
    this.#credential = credential;
    this.#now = now;
  }

  /** Returns a token for these scopes. Throws the credential's error. */
  async getToken(scopes: string | string[], options: GetTokenOptions = {}): Promise<AccessToken | null> {
    const { abortSignal, ...shared } = options;
    const { tenantId, claims } = options;
    if (tenantId !== undefined) this.#tenantId = tenantId;
    const wanted = {
      key: JSON.stringify([scopes].flat().concat(tenantId ?? '', claims ?? '')),
      scopes: [scopes].flat(),
      options: shared,
    };
    const held = this.#held.get(wanted.key);
    if (!held || this.#now() >= held.token.expiresOnTimestamp - UNUSABLE_BEFORE_MS)
      return untilAborted(this.#signIn(wanted), abortSignal instanceof AbortSignal ? abortSignal : undefined);
    if (this.#isDueForRenewal(held)) {
      held.renewalTriedAt = this.#now();
      // While the held token can be used, a failure to renew it fails no request.
      this.#signIn(wanted).catch(() => undefined);
    }
    return held.token;
  }

  /** Returns the value of the header Authorization for a request without the SDK. Throws the credential's error. */
  async authorization(abortSignal: AbortSignal): Promise<string> {
    const tenant = this.#tenantId === undefined ? {} : { tenantId: this.#tenantId };
    const token = await this.getToken(STORAGE_SCOPE, { abortSignal, ...tenant });
    return `Bearer ${token?.token ?? ''}`;
  }

  /**
   * Forgets the token of a request that the service has answered with 401, and notes the tenant of the challenge. `refused`: the
   * value of the request's Authorization; `challenge`: the answer's WWW-Authenticate.
   */
  refuse(refused: string, challenge: string | undefined): void {
    this.#tenantId = tenantOf(challenge ?? '') ?? this.#tenantId;
    // Another request may have renewed it already.
    for (const [key, { token }] of this.#held) if (refused === `Bearer ${token.token}`) this.#held.delete(key);
  }

  #isDueForRenewal({ token, renewalTriedAt }: Held): boolean {
    const due = token.refreshAfterTimestamp ?? token.expiresOnTimestamp - RENEW_BEFORE_MS;
    return this.#now() >= due && this.#now() >= renewalTriedAt + MIN_RENEWAL_INTERVAL_MS;
  }

  /** Gets a new token; equal calls at a time share one. */
  #signIn({ key, scopes, options }: Wanted): Promise<AccessToken | null> {
    const running = this.#pending.get(key);
    if (running) return running;
    const started = this.#credential
      .getToken(scopes, options)
      .then((token) => {
        if (token) this.#held.set(key, { token, renewalTriedAt: this.#now() });
        return token;
      })
      .finally(() => this.#pending.delete(key));
    this.#pending.set(key, started);
    return started;
  }
}

/** Returns the tenant that a challenge of the service names: the first part of the path of its `authorization_uri`. */
function tenantOf(challenge: string): string | undefined {
  return /authorization_uri="?https:\/\/[^/\s"]+\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b/i.exec(
    challenge,
  )?.[1];
}

/** Waits for a sign-in that others may wait for too: an aborted signal ends the wait, not the sign-in. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(new RequestAborted());
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort);
    });
  });
}
