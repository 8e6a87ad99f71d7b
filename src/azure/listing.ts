import { VhdupError } from '../errors.js';
import type { Attempt, Retrier } from '../run/retry.js';

/** A listing of the SDK: it goes on from the token that the page before it ended with. */
interface Pages<P> {
  byPage(settings: { continuationToken?: string }): AsyncIterator<P>;
}

/** No listing has more pages than this: the service puts thousands of items on a page. */
const MAX_PAGES = 10_000;
/** More empty pages in a row than this are an error. The service may send a few when a listing passes from one of its servers to the next. */
const MAX_EMPTY_PAGES = 50;

/**
 * Yields the items of a listing, page by page. Each page is a request of its own: a fault costs only the page that it affects,
 * and each page has the whole time that a request may take.
 * Throws `transfer-failed` for a listing that does not end: one that comes back to where it was, goes on without items, or has
 * too many pages.
 */
export async function* listing<P extends { readonly continuationToken?: string }, T>(
  retrier: Retrier,
  attempt: Attempt,
  list: (abortSignal: AbortSignal) => Pages<P>,
  itemsOf: (page: P) => readonly T[] | undefined,
): AsyncGenerator<readonly T[], void> {
  const endless = (problem: string) =>
    new VhdupError('transfer-failed', `${attempt.uri}: cannot ${attempt.what}: ${problem}`, {
      hint: 'this answer does not come from the service itself: check the proxy or gateway in between, then run the same command again',
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
