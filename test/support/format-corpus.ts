import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const FORMATS = fileURLToPath(new URL('../../../shared/corpus/formats', import.meta.url));
const INDEX = join(FORMATS, 'INDEX.tsv');

/** The reason to skip a test that needs images of other software; false if they are here. */
export const skipWithoutCorpus = !existsSync(INDEX) && 'the corpus, ../shared/corpus, is not beside the project';

/** An image of the corpus, unpacked. */
export interface CorpusImage {
  readonly path: string;
  /** Virtual size in bytes. */
  readonly size: number;
  /** SHA-256 (hex) of the disk's content, by software that shares no code with this one. */
  readonly sha256: string;
}

/** Unpacks images of the corpus, named as in its index, into a folder of their own. */
export async function unpackImages(folder: string, ...names: readonly string[]): Promise<readonly CorpusImage[]> {
  const rows = new Map(
    (await readFile(INDEX, 'utf8'))
      .split('\n')
      .map((line) => line.split('\t'))
      .map(([name = '', , , parent, size, sha256 = '']) => [name, { parent, size: Number(size), sha256 }]),
  );
  const images: CorpusImage[] = [];
  for (const name of names) {
    const row = rows.get(name);
    if (!row) throw new Error(`${name} is not in the corpus`);
    const path = join(folder, name.startsWith('../') ? 'others' : basename(dirname(name)), basename(name));
    await unpack(name, path);
    // The further file is a parent, which the caller names too, or belongs to this image alone.
    const other = /\S+\.(bin|img)/.exec(row.parent ?? '')?.[0];
    if (other !== undefined) await unpack(join(dirname(name), other), join(dirname(path), other));
    images.push({ path, size: row.size, sha256: row.sha256 });
  }
  return images;
}

async function unpack(name: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, gunzipSync(await readFile(join(FORMATS, `${name}.gz`))));
}
