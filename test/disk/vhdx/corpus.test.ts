import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { openDisk } from '../../../src/index.js';
import { temporaryFolder } from '../../support/folder.js';

const CORPUS = fileURLToPath(new URL('../../../../shared/corpus/formats', import.meta.url));
const isHere = existsSync(join(CORPUS, 'INDEX.tsv'));
const skip = { skip: !isHere && 'the corpus, ../shared/corpus, is not beside the project' };
const MAX_REFUSAL_MS = 1000;

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
