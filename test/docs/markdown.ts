import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** Returns the paths of all documents of the project, relative to it. */
export async function documents(): Promise<readonly string[]> {
  const isOurs = (name: string) => !/(^|\/)(node_modules|dist|\.[^/]*)$/.test(name);
  const found: string[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(join(PROJECT, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && isOurs(path)) folders.push(path);
      if (entry.isFile() && path.endsWith('.md')) found.push(path);
    }
  }
  return found.sort();
}

/** Returns the text of a document. */
export function textOf(path: string): Promise<string> {
  return readFile(join(PROJECT, path), 'utf8');
}

/** Returns the anchors of a document's headings, as GitHub makes them. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)) {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count++) unique = `${anchor}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}

/** Returns the targets of a document's links that are not addresses of the web. */
export function linksOf(text: string): readonly string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/i.test(target));
}

/** Returns the lines of a document's code blocks in these languages, with lines that end with a backslash joined. */
export function codeLinesOf(text: string, languages: readonly string[]): readonly string[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, language = '']) => languages.includes(language))
    .flatMap(([, , code = '']) => code.replace(/\\\n\s*/g, '').split('\n'));
}

/** Inline code is kept: headings and links may hold it. */
function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '');
}
