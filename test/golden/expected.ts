import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

const FOLDER = fileURLToPath(new URL('expected', import.meta.url));
/** `VHDUP_GOLDEN=write` writes the expected files anew instead of comparing with them. */
const isWriting = process.env['VHDUP_GOLDEN'] === 'write';

/** Compares with the file of this name; texts byte for byte, all else as JSON in the same order of keys. */
export type Compare = (t: Test, name: string, actual: unknown) => void;

/** Begins a set of expected files. When `t` ends, each file of the set has to have been compared. */
export function expectedFiles(t: Test, set: string): Compare {
  const folder = join(FOLDER, set);
  const compared = new Set<string>();
  if (isWriting) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  t.teardown(() => {
    const unused = readdirSync(folder).filter((file) => !compared.has(file));
    if (unused.length > 0) throw new Error(`expected files that no test compares: ${unused.join(', ')}`);
  });
  return (t, name, actual) => {
    const file = typeof actual === 'string' ? `${name}.txt` : `${name}.json`;
    const text = typeof actual === 'string' ? actual : `${JSON.stringify(actual, undefined, 2)}\n`;
    if (compared.has(file)) throw new Error(`${set}/${file} is compared twice`);
    compared.add(file);
    if (isWriting) writeFileSync(join(folder, file), text);
    // By lines, so that a failure shows those that differ.
    t.strictSame(text.split('\n'), expectedText(join(folder, file)).split('\n'), `${set}/${file}`);
  };
}

function expectedText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return `${path} is missing: VHDUP_GOLDEN=write makes it\n`;
    throw error;
  }
}
