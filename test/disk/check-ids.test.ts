import { join } from 'node:path';
import t from 'tap';
import { writeQcow2 } from '../../fixtures/qcow2.js';
import { checkDisk, openDisk } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';

const MIB = 1024 * 1024;

t.test('a check of a chain names each file by the id that the disk has', async (t) => {
  const folder = await temporaryFolder(t);
  const root = join(folder, 'root.qcow2');
  const child = join(folder, 'child.qcow2');
  await writeQcow2({ path: root, size: MIB, operations: [] });
  await writeQcow2({ path: child, size: MIB, operations: [], backing: { name: 'root.qcow2', format: 'qcow2' } });
  await using disk = await openDisk(child);
  const { files } = await checkDisk(child);
  t.same(
    files.map(({ id }) => id),
    disk.layers.map(({ id }) => id),
  );
  t.equal(new Set(files.map(({ id }) => id)).size, 2);
});
