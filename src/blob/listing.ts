import type { Attempt, Retrier } from './retry.js';

/** A listing of the SDK: it goes on from the token that the page before it ended with. */
interface Pages<P> {
  byPage(settings: { continuationToken?: string }): AsyncIterator<P>;
}

/**
 * The pages of a listing, each a request of its own: a fault costs the page that it meets, not all that was listed
 * before it, and however many pages there are, each has the whole time that a request may take.
 */
export async function* listing<P extends { readonly continuationToken?: string }>(retrier: Retrier, attempt: Attempt, list: (abortSignal: AbortSignal) => Pages<P>): AsyncGenerator<P, void> {
  let token: string | undefined;
  do {
    const settings = token === undefined ? {} : { continuationToken: token };
    const page = await retrier.run(attempt, (abortSignal) => list(abortSignal).byPage(settings).next());
    if (page.done === true) return;
    yield page.value;
    token = page.value.continuationToken;
  } while (token !== undefined && token !== '');
}
