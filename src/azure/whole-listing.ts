/** The root element of a listing, by the `comp` parameter of its URL. */
const ROOTS: Readonly<Record<string, string>> = { list: 'EnumerationResults', pagelist: 'PageList' };

/** Returns true if the URL asks for a listing. */
export function isListing(url: string): boolean {
  return rootOf(url) !== undefined;
}

/**
 * Returns false if a listing was asked for, and the text is not a whole one: it ends early although its length is right, or a
 * proxy has sent a text of its own instead. The SDK takes some of these texts for an empty listing.
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
