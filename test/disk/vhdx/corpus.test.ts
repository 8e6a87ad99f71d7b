import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { checkDisk, openDisk, type Disk } from '../../../src/index.js';
import { temporaryFolder } from '../../support/folder.js';
import { scaled } from '../../support/scale.js';

const CORPUS = fileURLToPath(new URL('../../../../shared/corpus/formats', import.meta.url));
const isHere = existsSync(join(CORPUS, 'INDEX.tsv'));
const skip = { skip: !isHere && 'the corpus, ../shared/corpus, is not beside the project' };
const MAX_REFUSAL_MS = 1000;
/** Larger disks take minutes to hash: only in the long form, with `VHDUP_TIMES`. */
const MAX_BYTES = scaled(1) > 1 ? Infinity : 2 * 1024 ** 3;

/** The VHDX lines of the index: file, writer, features, parent, size, digest. */
async function unpackedRows(folder: string): Promise<string[][]> {
  const rows = (await readFile(join(CORPUS, 'INDEX.tsv'), 'utf8'))
    .trim()
    .split('\n')
    .map((row) => row.split('\t'))
    .filter(([file]) => file?.endsWith('.vhdx'));
  for (const [file = ''] of rows) {
    await mkdir(dirname(join(folder, 'formats', file)), { recursive: true });
    await writeFile(join(folder, 'formats', file), gunzipSync(await readFile(join(CORPUS, `${file}.gz`))));
  }
  return rows;
}

t.test('VHDX images written by Windows, Hyper-V, qemu and other software read as they should', skip, async (t) => {
  const folder = await temporaryFolder(t);
  const rows = await unpackedRows(folder);
  for (const [file = '', writer, features, parent, size, sha256] of rows) {
    if (sha256 === 'REFUSE') continue;
    const path = join(folder, 'formats', file);
    await using disk = await openDisk(path);
    t.equal(disk.size, Number(size), `${file} by ${writer}: ${features}`);
    t.equal(disk.layers.length > 1, parent !== '-');
    if (disk.size <= MAX_BYTES) t.equal(await sha256Of(disk), sha256);
    t.match((await checkDisk(path)).errors, []);
  }
});

t.test('damaged VHDX images are refused at once, with the file, the offset and the field', skip, async (t) => {
  const folder = await temporaryFolder(t);
  const places: Readonly<Record<string, RegExp>> = {
    'both-headers-bad': /header 1 checksum at offset 65540: /,
    'region-tables-bad': /region table 1 checksum at offset 196612: /,
    'bat-beyond-eof': /BAT entry of block \d+ at offset \d+: .* past the end of the file/,
    'bat-overlap': /BAT entry of block \d+ at offset \d+: .* overlaps/,
    'partial-in-dynamic': /BAT entry of block \d+ at offset \d+: .* partially present/,
    'log-file-truncated': /log entry flushed file offset at offset \d+: .* cut short/,
  };
  for (const [file = '', , , , , sha256] of await unpackedRows(folder)) {
    if (sha256 !== 'REFUSE') continue;
    const path = join(folder, 'formats', file);
    const started = performance.now();
    const message = places[/([^/]+)\.vhdx$/.exec(file)?.[1] ?? ''];
    await t.rejects(openDisk(path), { code: 'disk-invalid', ...(message ? { message } : {}) }, file);
    t.ok(message, `${file} has a place to look at`);
    t.ok(performance.now() - started < MAX_REFUSAL_MS);
  }
});

async function sha256Of(disk: Disk): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(16 * 1024 * 1024);
  for (let at = 0; at < disk.size; at += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, disk.size - at));
    await disk.read(at, piece);
    hash.update(piece);
  }
  return hash.digest('hex');
}
