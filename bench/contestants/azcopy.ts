import { execFile } from 'node:child_process';
import { access, chmod, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Azcopy, Bench } from '../bench.js';
import type { Input } from '../inputs/input.js';
import { measure, type Run } from '../measure.js';

const run = promisify(execFile);
const PACKAGE = '@azure-tools/azcopy-linux';
const VERSION = '10.32.2';

/** Installs azcopy into a cache folder, where it stays for the next run, with the one library that it links to. */
export async function installAzcopy(cache: string): Promise<Azcopy> {
  const path = join(
    cache,
    'node_modules',
    PACKAGE,
    'dist/bin',
    process.arch === 'arm64' ? 'azcopy_linux_arm64' : 'azcopy_linux_amd64',
  );
  const libraries = join(cache, 'libraries');
  try {
    await mkdir(libraries, { recursive: true });
    if (!(await isThere(path)))
      await run('npm', ['install', '--prefix', cache, '--no-audit', '--no-fund', `${PACKAGE}@${VERSION}`]);
    await chmod(path, 0o755);
    const found = { path, libraries: await foldersIn(libraries) };
    if (await starts(found)) return found;
    await run('apt-get', ['download', 'libsecret-1-0'], { cwd: libraries });
    for (const name of await readdir(libraries))
      if (name.endsWith('.deb')) await run('dpkg-deb', ['-x', name, '.'], { cwd: libraries });
    const complete = { path, libraries: await foldersIn(libraries) };
    return (await starts(complete)) ? complete : { missing: 'azcopy does not start' };
  } catch (error) {
    return { missing: `azcopy cannot be installed: ${(error as Error).message.split('\n', 1)[0] ?? ''}` };
  }
}

async function starts({ path, libraries }: { path: string; libraries: string }): Promise<boolean> {
  return run(path, ['--version'], { env: { LD_LIBRARY_PATH: libraries } }).then(
    () => true,
    () => false,
  );
}

/** Where an unpacked package has its libraries: the folder is named after the machine's kind. */
async function foldersIn(libraries: string): Promise<string> {
  const parent = join(libraries, 'usr/lib');
  return (await readdir(parent).catch(() => [])).map((name) => join(parent, name)).join(':');
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** What azcopy takes: a fixed VHD of the same content, by `qemu-img`. */
export async function convertToFixed({ path }: Input): Promise<Run & { readonly fixed: string }> {
  const fixed = `${path}.fixed.vhd`;
  return {
    ...(await measure('qemu-img', ['convert', '-O', 'vpc', '-o', 'subformat=fixed,force_size=on', path, fixed])),
    fixed,
  };
}

/**
 * Uploads a fixed VHD as a page blob. Without its pacing of page blobs, which holds it to the service's limits; without
 * logs and the look for a newer version.
 */
export async function copyWithAzcopy(
  { azcopy, folder }: Bench,
  fixed: string,
  uri: string,
  { md5 }: { readonly md5: boolean },
): Promise<Run> {
  if ('missing' in azcopy) throw new Error(azcopy.missing);
  const own = join(folder, 'azcopy');
  return measure(
    azcopy.path,
    [
      'copy',
      fixed,
      uri,
      '--from-to',
      'LocalBlob',
      '--blob-type',
      'PageBlob',
      `--put-md5=${md5}`,
      '--check-version=false',
      '--log-level',
      'NONE',
      '--output-level',
      'essential',
    ],
    {
      LD_LIBRARY_PATH: azcopy.libraries,
      AZCOPY_LOG_LOCATION: own,
      AZCOPY_JOB_PLAN_LOCATION: own,
      AZCOPY_DISABLE_SYSLOG: 'true',
      AZCOPY_PACE_PAGE_BLOBS: 'false',
      AZCOPY_AUTO_LOGIN_TYPE: '',
    },
  );
}
