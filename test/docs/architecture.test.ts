import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { PROJECT, textOf } from './markdown.js';

const inCode = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name.replace(/\/$/, ''));

t.test('every room is in ARCHITECTURE.md, and has the files that it names there', async (t) => {
  const rows = [...(await textOf('ARCHITECTURE.md')).matchAll(/^\| (`[a-z/`, ]+`) \| ([^|]*) \|/gm)];
  const described = new Set<string>();
  for (const [, rooms = '', files = ''] of rows) {
    const there = new Set<string>();
    for (const room of inCode(rooms)) {
      described.add(room.split('/')[0] ?? room);
      for (const name of await readdir(join(PROJECT, 'src', room))) there.add(name.replace(/\.ts$/, ''));
    }
    for (const name of inCode(files).filter((each) => !each.startsWith('@')))
      t.ok(there.has(name), `${rooms} has ${name}`);
  }
  const entries = await readdir(join(PROJECT, 'src'), { withFileTypes: true });
  for (const { name } of entries.filter((entry) => entry.isDirectory()))
    t.ok(described.has(name), `${name} is described`);
});
