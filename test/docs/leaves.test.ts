import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openDisk, push } from '../../src/index.js';
import { leafValues } from '../../src/digest/tree.js';
import { factsOf } from '../support/blobs.js';
import { stage } from '../support/stage.js';
import { readLeafList } from './leaf-list-reader.js';

const LEAF = 65_536;

t.test('an independent reader of sixty lines at most reads the list that a push wrote', async (t) => {
  const source = await readFile(new URL('leaf-list-reader.ts', import.meta.url), 'utf8');
  t.ok(source.split('\n').length - 1 <= 60);
  t.notMatch(source, /src\//, 'it has no code of the tool');

  const { folder, container, options, uri } = await stage(t);
  const content = Buffer.alloc(40 * LEAF + 512);
  for (const leaf of [0, 3, 4, 39, 40]) content.fill(leaf + 1, leaf * LEAF, leaf * LEAF + 512);
  const path = join(folder, 'v1.raw');
  await writeFile(path, content);
  await using disk = await openDisk(path, { format: 'raw' });
  await push(disk, { ...options, to: uri('v 1.vhd') });
  const list = await container.getBlobClient('v 1.vhd.vhdup-leaves').downloadToBuffer();
  const { leaves, size, tree, blob } = readLeafList(list);
  t.equal(size, content.length);
  t.equal(blob, 'v 1.vhd');
  t.equal(tree, (await factsOf(container, 'v 1.vhd'))?.metadata['vhdup_tree']);
  const values = Buffer.from(leafValues(content));
  t.strictSame([...leaves.keys()], [0, 3, 4, 39, 40]);
  for (const [leaf, value] of leaves) t.ok(value.equals(values.subarray(leaf * 32, leaf * 32 + 32)), `leaf ${leaf}`);
});
