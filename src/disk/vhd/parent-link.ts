import { isAbsolute, relative, resolve } from 'node:path';

/** The parent of a new differencing disk. */
export interface ParentLink {
  readonly path: string;
  readonly id: string;
  /** Of its footer: seconds since 2000-01-01 UTC. */
  readonly timeStamp: number;
  /** The folder in which the child will be. */
  readonly childFolder: string;
}

/**
 * Makes the locators of a new differencing disk: relative to the child (`.\parent.vhd`), so that both can be moved together, and
 * absolute. If the parent is on another drive than the child, there is no relative one.
 */
export function makeLocators({
  path,
  childFolder,
}: ParentLink): { readonly code: string; readonly data: Uint8Array }[] {
  const fromChild = relative(resolve(childFolder), resolve(path)).replaceAll('/', '\\');
  const named = [
    ...(isAbsolute(relative(resolve(childFolder), resolve(path)))
      ? []
      : [{ code: 'W2ru', path: fromChild.startsWith('..\\') ? fromChild : `.\\${fromChild}` }]),
    { code: 'W2ku', path: resolve(path) },
  ];
  return named.map(({ code, path: text }) => ({ code, data: Buffer.from(text, 'utf16le') }));
}
