/** The root element of a listing, by the `comp` parameter of its URL. */
const ROOTS: Readonly<Record<string, string>> = { list: 'EnumerationResults', pagelist: 'PageList' };

/** Returns true if the URL requests a listing. */
export function isListing(url: string): boolean {
  return rootOf(url) !== undefined;
}

/**
 * Returns false if the URL requests a listing and the text is not a complete one: it ends early although its length is right, or a
 * proxy has sent another text instead. The SDK parses some of these texts as an empty listing.
 */
export function isCompleteListing(url: string, text: string): boolean {
  const root = rootOf(url);
  if (root === undefined) return true;
  const element = text.replace(/^\uFEFF?\s*(?:<\?xml[^>]*\?>\s*)?/, '').trimEnd();
  const head = new RegExp(`^<${root}(?:[\\s/][^>]*)?>`).exec(element)?.[0];
  return head !== undefined && (head.endsWith('/>') ? head === element : element.endsWith(`</${root}>`));
}

function rootOf(url: string): string | undefined {
  return ROOTS[new URL(url).searchParams.get('comp') ?? ''];
}
