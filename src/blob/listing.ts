import { VhdupError } from '../errors.js';
import type { Attempt, Retrier } from './retry.js';

/** A listing of the SDK: it goes on from the token that the page before it ended with. */
interface Pages<P> {
  byPage(settings: { continuationToken?: string }): AsyncIterator<P>;
}

/** The service fills its pages with thousands of items: more pages than this no listing has. */
const MAX_PAGES = 10_000;
/** The service may send an empty page now and then, where it goes from one of its machines to the next. */
const MAX_EMPTY_PAGES = 50;

/**
 * The items of a listing, page by page, each page a request of its own: a fault costs the page that it meets, not all that
 * was listed before it, and however many pages there are, each has the whole time that a request may take.
 * Throws `transfer-failed` for a listing that does not end: it comes back to where it was, or goes on without items.
 */
export async function* listing<P extends { readonly continuationToken?: string }, T>(
  retrier: Retrier, attempt: Attempt, list: (abortSignal: AbortSignal) => Pages<P>, itemsOf: (page: P) => readonly T[] | undefined,
): AsyncGenerator<readonly T[], void> {
  const endless = (problem: string) => new VhdupError('transfer-failed', `${attempt.uri}: cannot ${attempt.what}: ${problem}`, {
    hint: 'this is no answer of the service itself: look at what is between, then run the same command again',
  });
  const seen = new Set<string>();
  let empty = 0;
  for (let token: string | undefined; ;) {
    const settings = token === undefined ? {} : { continuationToken: token };
    const page = await retrier.run(attempt, (abortSignal) => list(abortSignal).byPage(settings).next());
    if (page.done === true) return;
    const items = itemsOf(page.value) ?? [];
    yield items;
    token = page.value.continuationToken;
    if (token === undefined || token === '') return;
    if (seen.has(token)) throw endless(`the listing comes back to where it was, after ${seen.size} pages`);
    empty = items.length === 0 ? empty + 1 : 0;
    if (empty > MAX_EMPTY_PAGES) throw endless(`the listing goes on, but ${empty} pages in a row hold nothing`);
    if (seen.add(token).size >= MAX_PAGES) throw endless(`the listing has no end: ${MAX_PAGES} pages were read`);
  }
}
