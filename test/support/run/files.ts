import { readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { OWN_PROCESS } from './own-process.js';

/** More of them run in several processes, which end sooner. */
const MAX_FILES = 8;

/** Lists the test files under `root` that are named, or are in a folder that is; paths have slashes and start at `root`. */
export function testFiles(root: string, named: readonly string[]): string[] {
  const files = named.flatMap((path) =>
    statSync(join(root, path)).isDirectory()
      ? readdirSync(join(root, path), { recursive: true, encoding: 'utf8' })
          .filter((name) => name.endsWith('.test.ts'))
          .map((name) => join(path, name))
      : [relative(root, join(root, path))],
  );
  return [...new Set(files.map((file) => file.replaceAll('\\', '/')))].sort();
}

/** Returns what one process runs each, in the order in which they start: the longest first. */
export function groupsOf(files: readonly string[]): string[][] {
  const rooms = new Map<string, string[]>();
  for (const file of files.filter((file) => OWN_PROCESS[file] === undefined))
    rooms.set(dirname(file), [...(rooms.get(dirname(file)) ?? []), file]);
  const shared = [...rooms.values()].flatMap((room) => {
    const parts = Math.ceil(room.length / MAX_FILES);
    return Array.from({ length: parts }, (_, part) => room.filter((_, index) => index % parts === part));
  });
  shared.sort((a, b) => b.length - a.length);
  return [
    ...Object.keys(OWN_PROCESS)
      .filter((file) => files.includes(file))
      .map((file) => [file]),
    ...shared,
  ];
}
