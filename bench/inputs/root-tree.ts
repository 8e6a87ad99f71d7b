import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { MIB } from './input.js';
import { noise, Random } from './random.js';

const run = promisify(execFile);
const SOURCES = ['/usr/lib', '/usr/share', '/usr/bin'];
const LARGEST_FILE = 16 * MIB;
const ROOT_BYTES = 1024 * MIB;
const PACKAGES_BYTES = 100 * MIB;
/** Fewer bytes than this are no root file system. */
const LEAST_BYTES = 256 * MIB;
const SLOTS = 100;
const FILES_PER_PACKAGE = 100;
const PACKAGES = '/opt/packages';
/** Of the reinstalled files, one in so many is a newer version. */
const NEWER = 10;
const CONFIGURATIONS = 5;

/** A file of this machine. */
interface SourceFile {
  readonly path: string;
  readonly size: number;
}

/** A file of the root: where it is there, and the file of this machine that has its content. */
export interface RootFile {
  readonly path: string;
  readonly source: string;
}

/** What makes the next version out of a root. Files that are there already are replaced. */
export interface RootChange {
  readonly folders: readonly string[];
  readonly files: readonly RootFile[];
}

/** A folder with the files of a root, and what happens to it: the versions 2, 3 and 4. */
export interface RootTree {
  readonly folder: string;
  /** Packages installed; the same again, and some of them newer; five small files changed. */
  readonly changes: readonly RootChange[];
}

/**
 * Copies about 1 GiB of the files of this machine to `folder`/tree. The selection depends on names and sizes alone:
 * sorted by size, so many of each hundred files. Throws if this machine has too few.
 */
export async function stageRoot(folder: string): Promise<RootTree> {
  const found = await filesBySize();
  const total = found.reduce((sum, { size }) => sum + size, 0);
  const slotsOf = (bytes: number) => Math.max(1, Math.floor((bytes / total) * SLOTS));
  const rootSlots = Math.min(SLOTS - slotsOf(PACKAGES_BYTES), slotsOf(ROOT_BYTES));
  const root = found.filter((_, index) => index % SLOTS < rootSlots);
  const packages = found.filter(
    (_, index) => index % SLOTS >= rootSlots && index % SLOTS < rootSlots + slotsOf(PACKAGES_BYTES),
  );
  const bytes = root.reduce((sum, { size }) => sum + size, 0);
  if (bytes < LEAST_BYTES) throw new Error(`${SOURCES.join(', ')} have only ${Math.round(bytes / MIB)} MiB to copy`);
  const tree = join(folder, 'tree');
  const list = join(folder, 'files');
  await mkdir(tree);
  await writeFile(list, root.map(({ path }) => `.${path}\n`).join(''));
  await run('sh', ['-c', 'tar -C / --no-recursion -cf - -T "$1" | tar -C "$2" -xf -', 'sh', list, tree]);
  await rm(list);
  await keepAccessTimes(tree);
  const install = installation(packages);
  return { folder: tree, changes: [install, await reinstallation(folder, install), await edits(folder, root)] };
}

/** Makes the next version of the folder. */
export async function changeTree({ folder }: RootTree, { folders, files }: RootChange): Promise<void> {
  for (const path of folders) await mkdir(join(folder, path), { recursive: true });
  for (const { path, source } of files) {
    // A new file, as a package manager writes it, not new content in the old one.
    await rm(join(folder, path), { force: true });
    await copyFile(source, join(folder, path));
  }
  await keepAccessTimes(folder);
}

/**
 * mke2fs stores access times. Those in the future stay as they are when it reads the files. Only new files are touched:
 * that changes another time, which mke2fs stores too.
 */
async function keepAccessTimes(folder: string): Promise<void> {
  await run('find', [
    folder,
    '!',
    '-newerat',
    '2037-01-01',
    '-exec',
    'touch',
    '-h',
    '-a',
    '-d',
    '2038-01-01',
    '{}',
    '+',
  ]);
}

/** Files with plain names, which need no quotes anywhere, from the smallest to the largest. */
async function filesBySize(): Promise<SourceFile[]> {
  const wanted = ['-type', 'f', '-readable', '-links', '1', '-size', '+0', '-printf', '%s %p\\n'];
  const { stdout } = await run('find', [...SOURCES, ...wanted], { maxBuffer: 256 * MIB }).catch(
    (error: { stdout: string }) => error,
  );
  return stdout
    .split('\n')
    .map((line) => ({ size: Number.parseInt(line), path: line.slice(line.indexOf(' ') + 1) }))
    .filter(({ size, path }) => size <= LARGEST_FILE && /^[\w/.+-]+$/.test(path))
    .toSorted((a, b) => a.size - b.size || (a.path < b.path ? -1 : 1));
}

function installation(packages: readonly SourceFile[]): RootChange {
  // As they are sorted, neighbours have the same size: a package gets some of all sizes.
  const count = Math.ceil(packages.length / FILES_PER_PACKAGE);
  const folderOf = (index: number) => `${PACKAGES}/package-${index % count}`;
  return {
    folders: ['/opt', PACKAGES, ...Array.from({ length: count }, (_, index) => folderOf(index))],
    files: packages
      .map(({ path }, index) => ({ path: `${folderOf(index)}/file-${index}`, source: path, order: index % count }))
      .toSorted((a, b) => a.order - b.order)
      .map(({ path, source }) => ({ path, source })),
  };
}

/** The same files once more; a newer one has a piece of other bytes in it, and some more at its end. */
async function reinstallation(folder: string, { files }: RootChange): Promise<RootChange> {
  const random = new Random(5);
  const own = join(folder, 'newer');
  await mkdir(own);
  const again: RootFile[] = [];
  for (const [index, file] of files.entries())
    again.push(
      index % NEWER === 0 ? await edited(file, join(own, String(index)), noise(random, 1 + random.upTo(6000))) : file,
    );
  return { folders: [], files: again };
}

/** Five files of a few KiB from all over the root, each with one more line. */
async function edits(folder: string, root: readonly SourceFile[]): Promise<RootChange> {
  const own = join(folder, 'edited');
  const small = root.filter(({ size }) => size > 500 && size < 8000);
  const files: RootFile[] = [];
  for (let index = 0; index < CONFIGURATIONS; index++) {
    const { path = '' } = small[Math.floor((small.length * index) / CONFIGURATIONS)] ?? {};
    const file = { path, source: path };
    files.push(await edited(file, join(own, String(index)), Buffer.from(`# changed ${index}\n`)));
  }
  return { folders: [], files };
}

async function edited({ path, source }: RootFile, target: string, addition: Uint8Array): Promise<RootFile> {
  const { size } = await stat(source);
  const content = await readFile(source);
  const middle = Math.floor(size / 2);
  await mkdir(dirname(target), { recursive: true });
  const piece = addition.subarray(0, Math.min(addition.length, size - middle));
  await writeFile(
    target,
    Buffer.concat([content.subarray(0, middle), piece, content.subarray(middle + piece.length), addition]),
  );
  return { path, source: target };
}
