import { VhdupError } from '../errors.js';
import type { Attempt, Retrier } from '../run/retry.js';

/** A listing of the SDK. `byPage` continues it at a token that a page ended with. */
interface PagedListing<P> {
  byPage(settings: { continuationToken?: string }): AsyncIterator<P>;
}

/** A listing with more pages than this is endless: the service puts thousands of items on a page. */
const MAX_PAGES = 10_000;
/** More empty pages in a row than this are an error. The service may send a few when a listing passes from one of its servers to the next. */
const MAX_EMPTY_PAGES = 50;

/**
 * Yields the items of a listing, page by page. Each page is a request of its own: a fault costs only the page that it affects,
 * and each page has the whole time that a request may take. Throws `transfer-failed` for a listing without end: one that returns to
 * an earlier page, continues without items, or has too many pages.
 */
export async function* listPages<P extends { readonly continuationToken?: string }, T>(
  retrier: Retrier,
  attempt: Attempt,
  list: (abortSignal: AbortSignal) => PagedListing<P>,
  itemsOf: (page: P) => readonly T[] | undefined,
): AsyncGenerator<readonly T[], void> {
  const progress = new ListingProgress();
  let settings: { continuationToken?: string } = {};
  do {
    const page = await retrier.run(attempt, (abortSignal) => list(abortSignal).byPage(settings).next());
    if (page.done === true) return;
    const items = itemsOf(page.value) ?? [];
    yield items;
    settings = page.value.continuationToken ? { continuationToken: page.value.continuationToken } : {};
    const problem = progress.problemAfter(items.length, settings.continuationToken);
    if (problem !== undefined)
      throw new VhdupError('transfer-failed', `${attempt.uri}: cannot ${attempt.what}: ${problem}`, {
        hint: 'this answer does not come from the service itself: check the proxy or gateway in between, then run the same command again',
      });
  } while (settings.continuationToken !== undefined);
}

/** Detects a listing without end. */
class ListingProgress {
  readonly #tokens = new Set<string>();
  #emptyPages = 0;

  /** Counts a page with `items` items that is continued at `token`. Returns what shows that the listing has no end, in words. */
  problemAfter(items: number, token: string | undefined): string | undefined {
    if (token === undefined) return undefined;
    if (this.#tokens.has(token)) return `the listing comes back to where it was, after ${this.#tokens.size} pages`;
    this.#tokens.add(token);
    this.#emptyPages = items === 0 ? this.#emptyPages + 1 : 0;
    if (this.#emptyPages > MAX_EMPTY_PAGES)
      return `the listing does not end: ${this.#emptyPages} pages in a row are empty`;
    return this.#tokens.size >= MAX_PAGES ? `the listing has no end: ${MAX_PAGES} pages were read` : undefined;
  }
}
