/**
 * Writes THIRD-PARTY-NOTICES.md: the packages that `npm run build` has bundled into `dist/bundle`, with their licences in full,
 * and those that npm installs beside it for the library. With `--check` it only compares the file. Fails on a licence that is
 * not permissive, or a package without one.
 */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const NOTICES = join(ROOT, 'THIRD-PARTY-NOTICES.md');

/** Licences that ask for no more than to keep their text. */
const PERMISSIVE: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'Unlicense',
  'Zlib',
]);

/** A package below `node_modules`. */
interface Package {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly author: string | undefined;
  /** The texts of its licence and notice files. Packages with equal texts are listed together. */
  readonly text: string;
}

/** Returns the folder of the package that a file belongs to; `undefined` for a file of our own. */
export function packageFolderOf(file: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
}

/** Returns the folders of the packages in esbuild's account of a bundle that have at least a byte in it. */
export function bundledFolders(metafile: string): readonly string[] {
  const { outputs } = JSON.parse(metafile) as {
    outputs: Readonly<Record<string, { inputs: Readonly<Record<string, { bytesInOutput: number }>> }>>;
  };
  const folders = Object.values(outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([file]) => packageFolderOf(file));
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

/** Returns the folders of the packages that `npm install` of this package brings along. */
function installedFolders(lock: string): readonly string[] {
  const { packages } = JSON.parse(lock) as { packages: Readonly<Record<string, { dev?: boolean }>> };
  return Object.entries(packages)
    .filter(([folder, { dev }]) => folder !== '' && !dev)
    .map(([folder]) => folder);
}

async function readPackage(folder: string): Promise<Package> {
  const { name, version, license, author } = JSON.parse(await readFile(join(ROOT, folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: unknown;
    author?: string | { readonly name?: string };
  };
  const files = (await readdir(join(ROOT, folder))).filter((file) => /^(licen[sc]e|copying|notice)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(ROOT, folder, file), 'utf8')));
  return {
    name,
    version,
    license: typeof license === 'string' ? license : 'none',
    author: typeof author === 'string' ? author : author?.name,
    text: texts.map((text) => text.replaceAll('\r\n', '\n').trim()).join('\n\n'),
  };
}

/** Returns what is wrong with the licences of packages, one line for each. */
export function licenceProblems(packages: readonly Pick<Package, 'name' | 'version' | 'license'>[]): readonly string[] {
  return packages
    .filter(({ license }) => !license.split(' AND ').every((one) => PERMISSIVE.has(one)))
    .map(({ name, version, license }) => `${name} ${version}: its licence, ${license}, is not a permissive one`);
}

function titleOf({ name, version, license }: Package): string {
  return `- ${name} ${version} (${license})`;
}

function compareNames(one: Package, other: Package): number {
  return one.name < other.name ? -1 : one.name > other.name ? 1 : one.version < other.version ? -1 : 1;
}

/** Returns the sections with the licences' texts: one for each text, with the packages that have it. */
function licenceSections(packages: readonly Package[]): readonly string[] {
  const byText = new Map<string, Package[]>();
  for (const one of packages) {
    const text =
      one.text === ''
        ? `${one.license} licence; the package has no text of it. Author: ${one.author ?? 'not named'}.`
        : one.text;
    byText.set(text, [...(byText.get(text) ?? []), one]);
  }
  return [...byText].map(([text, those]) => {
    const fence = text.includes('```') ? '~~~' : '```';
    return `${those.map(titleOf).join('\n')}\n\n${fence}text\n${text}\n${fence}`;
  });
}

/** Returns the text of the notices. */
async function notices(): Promise<string> {
  const read = async (folders: readonly string[]) => (await Promise.all(folders.map(readPackage))).sort(compareNames);
  const bundled = await read(bundledFolders(await readFile(join(ROOT, 'dist/metafile.json'), 'utf8')));
  const installed = await read(installedFolders(await readFile(join(ROOT, 'package-lock.json'), 'utf8')));
  const problems = licenceProblems([...bundled, ...installed]);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return `${[
    '# Third-party notices',
    `The command line of vhdup (\`dist/bundle\`) contains code of these ${bundled.length} packages. \`npm run notices\` writes this file.`,
    ...licenceSections(bundled),
    '## Installed beside it',
    'npm installs these packages for the library. Each has its licence in its own folder.',
    [...new Set(installed.map(titleOf))].join('\n'),
  ].join('\n\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = await notices();
  if (!process.argv.includes('--check')) await writeFile(NOTICES, text);
  else if ((await readFile(NOTICES, 'utf8').catch(() => '')) !== text)
    throw new Error(
      'THIRD-PARTY-NOTICES.md is not current: run "npm run build && npm run notices", and look at the difference',
    );
}
