/** What a listing is in, by the `comp` of its URL. */
const ROOTS: Readonly<Record<string, string>> = { list: 'EnumerationResults', pagelist: 'PageList' };

/** True for the URL of a request for a listing. */
export function isListing(url: string): boolean {
  return rootOf(url) !== undefined;
}

/**
 * False for the answer to a listing that is not the whole of one: it ends early though its length is right, or something on
 * the way has put a text of its own in its place. The SDK takes some of these for a listing of nothing.
 */
export function isWholeListing(url: string, text: string): boolean {
  const root = rootOf(url);
  if (root === undefined) return true;
  const element = text.replace(/^\uFEFF?\s*(?:<\?xml[^>]*\?>\s*)?/, '').trimEnd();
  const head = new RegExp(`^<${root}(?:[\\s/][^>]*)?>`).exec(element)?.[0];
  return head !== undefined && (head.endsWith('/>') ? head === element : element.endsWith(`</${root}>`));
}

function rootOf(url: string): string | undefined {
  return ROOTS[new URL(url).searchParams.get('comp') ?? ''];
}
