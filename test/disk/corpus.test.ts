import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { openDisk, type Disk } from '../../src/index.js';
import { temporaryFolder } from '../support/folder.js';

const CORPUS = fileURLToPath(new URL('../../../shared/corpus', import.meta.url));
const isHere = existsSync(join(CORPUS, 'INDEX.tsv'));

t.test(
  'images written by other software read as they should',
  { skip: !isHere && 'the corpus, ../shared/corpus, is not beside the project' },
  async (t) => {
    const folder = await temporaryFolder(t);
    const rows = (await readFile(join(CORPUS, 'INDEX.tsv'), 'utf8'))
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => row.split('\t'));
    const disks = rows.filter(([file]) => file?.endsWith('.vhd'));
    for (const [file = ''] of disks) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), gunzipSync(await readFile(join(CORPUS, `${file}.gz`))));
    }
    for (const [file = '', writer, , size, parent, sha256] of disks) {
      await using disk = await openDisk(join(folder, file));
      t.equal(disk.size, Number(size), `${file} by ${writer}`);
      t.equal(disk.layers.length > 1, parent !== '-');
      if (sha256 === '(all zero)') t.ok(await isAllZero(disk), 'no block is allocated');
      else t.equal(await sha256Of(disk), sha256);
    }
  },
);

t.test(
  'images of other formats written by other software are named and refused',
  { skip: !isHere && 'the corpus, ../shared/corpus, is not beside the project' },
  async (t) => {
    const folder = await temporaryFolder(t);
    for (const file of ['ext2.vmdk']) {
      const path = join(folder, file);
      await writeFile(path, gunzipSync(await readFile(join(CORPUS, `${file}.gz`))));
      await t.rejects(
        openDisk(path),
        { code: 'disk-unsupported', message: new RegExp(file.split('.')[1] ?? '', 'i'), hint: /qemu-img convert/ },
        file,
      );
    }
  },
);

async function isAllZero(disk: Disk): Promise<boolean> {
  for await (const { kind } of disk.extents()) if (kind !== 'zero') return false;
  return true;
}

async function sha256Of(disk: Disk): Promise<string> {
  const content = Buffer.alloc(disk.size);
  await disk.read(0, content);
  return createHash('sha256').update(content).digest('hex');
}
