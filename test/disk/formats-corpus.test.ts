import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { checkDisk, openDisk, type Disk } from '../../src/index.js';
import { FORMAT_NAMES } from '../../src/disk/registry.js';
import { temporaryFolder } from '../support/folder.js';
import { scaled } from '../support/scale.js';

const CORPUS = fileURLToPath(new URL('../../../shared/corpus/formats', import.meta.url));
const isHere = existsSync(join(CORPUS, 'INDEX.tsv'));
/** Larger disks take minutes to hash: only in the long form, which the soak runs. */
const MAX_BYTES = scaled(1) > 1 ? Infinity : 2 * 1024 ** 3;
/** Disks are read piece by piece. */
const PIECE = 16 * 1024 * 1024;

interface Row {
  readonly file: string;
  readonly format: string;
  readonly size: number;
  readonly sha256: string;
  readonly what: string;
}

t.test(
  'images of all formats, written by other software, read as they should, or are refused',
  { skip: !isHere && 'the corpus, ../shared/corpus/formats, is not beside the project', timeout: 600_000 },
  async (t) => {
    const rows = await readRows();
    const folder = join(await temporaryFolder(t), 'formats');
    const isSupported = ({ format }: Row) => (FORMAT_NAMES as readonly string[]).includes(format);
    for (const folderOf of new Set(rows.filter(isSupported).map(({ file }) => dirname(file))))
      if (folderOf !== '..') await unpackFolder(folder, folderOf);
    for (const row of rows) {
      const path = join(folder, row.file);
      if (!existsSync(path)) await unpack(folder, row.file);
      if (!isSupported(row)) await refusesByName(t, path, row);
      else if (row.sha256 === 'REFUSE') await refuses(t, path, row);
      else {
        await using disk = await openDisk(path);
        t.equal(disk.size, row.size, `${row.file}: size`);
        t.equal(disk.layers[0]?.format, row.format);
        if (row.size <= MAX_BYTES) t.equal(await sha256Of(disk), row.sha256, `${row.file}: ${row.what}`);
        t.strictSame((await checkDisk(path)).errors, []);
      }
    }
  },
);

async function readRows(): Promise<Row[]> {
  const lines = (await readFile(join(CORPUS, 'INDEX.tsv'), 'utf8')).trim().split('\n').slice(1);
  return lines.map((line) => {
    const [file = '', producer = '', features = '', , size = '', sha256 = ''] = line.split('\t');
    const name = file.replace(/ \(as it is\)$/, '');
    const format = /\.([a-z0-9]+)$/.exec(name)?.[1] ?? '';
    return { file: name, format, size: Number(size), sha256, what: `${producer}, ${features}` };
  });
}

/** Also what the images of the folder need besides. */
async function unpackFolder(folder: string, name: string): Promise<void> {
  for (const file of await readdir(join(CORPUS, name)))
    if (file.endsWith('.gz')) await unpack(folder, join(name, file.replace(/\.gz$/, '')));
}

async function unpack(folder: string, file: string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  const packed = join(CORPUS, `${file}.gz`);
  const content = existsSync(packed) ? gunzipSync(await readFile(packed)) : await readFile(join(CORPUS, file));
  await writeFile(join(folder, file), content);
}

/** Damaged and hostile images: refused when they are opened, or, compressed data only, when they are read. */
async function refuses(t: Test, path: string, { file, what }: Row): Promise<void> {
  const began = performance.now();
  const reading = async () => {
    await using disk = await openDisk(path);
    await sha256Of(disk);
  };
  const error = await reading().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  t.match(error, { code: /^(disk-invalid|disk-unsupported|disk-unreadable|chain-broken)$/ }, `${file}: ${what}`);
  t.match(error, { message: /at offset \d+/ }, 'it says where');
  t.ok(performance.now() - began < 5000, 'at once');
}

async function refusesByName(t: Test, path: string, { file }: Row): Promise<void> {
  await t.rejects(
    openDisk(path),
    { code: 'disk-unsupported', message: /VHDX|VMDK|VDI|gzip|zstd|xz|tar/, hint: /./ },
    `${file} is refused by name`,
  );
}

async function sha256Of(disk: Disk): Promise<string> {
  const hash = createHash('sha256');
  for (let offset = 0; offset < disk.size; offset += PIECE) {
    const piece = Buffer.alloc(Math.min(PIECE, disk.size - offset));
    await disk.read(offset, piece);
    hash.update(piece);
  }
  return hash.digest('hex');
}
