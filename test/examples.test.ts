import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { openDisk } from '../src/disk/open.js';
import { writeImage } from '../fixtures/vhd.js';
import { startAzurite } from './support/azurite.js';
import { containerOf } from './support/blobs.js';
import { temporaryFolder } from './support/folder.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);
const MIB = 1024 ** 2;

t.test("the examples compile against the package's types", async (t) => {
  const compiler = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc');
  const { stdout } = await run(process.execPath, [compiler, '-p', join(ROOT, 'examples')]);
  t.equal(stdout, '');
});

t.test('the examples push a disk, verify it and pull it back', async (t) => {
  const azurite = await startAzurite();
  t.teardown(() => azurite.stop());
  await containerOf(azurite, 'vhds');
  const uri = `${azurite.url}/vhds/disk.vhd`;
  const folder = await temporaryFolder(t);
  const data = randomBytes(64 * 1024);
  const { path } = await writeImage({
    path: join(folder, 'disk.vhd'),
    type: 'dynamic',
    size: 8 * MIB,
    writes: [{ offset: MIB, data }],
  });
  const example = (name: string, ...args: readonly string[]) =>
    run(process.execPath, ['--import=./test/support/tsx.js', join('examples', name), ...args], {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        ...azurite.env,
        VHDUP_STATE_DIR: join(folder, 'state'),
        VHDUP_CACHE_DIR: join(folder, 'cache'),
      },
    });
  t.match((await example('push.ts', path, uri)).stdout, /^pushed, id /);
  t.equal((await example('verify.ts', path, uri)).stdout, 'equal\n');
  const pulled = join(folder, 'pulled.vhd');
  t.match((await example('pull.ts', uri, pulled)).stdout, /: dynamic\n$/);
  await using disk = await openDisk(pulled);
  const back = Buffer.alloc(data.length);
  await disk.read(MIB, back);
  t.ok(back.equals(data));
  const { name } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { name: string };
  t.equal(name, 'vhdup', 'the name that the examples import');
  const other = await writeImage({ path: join(folder, 'other.vhd'), type: 'dynamic', size: 8 * MIB, writes: [] });
  await t.rejects(example('verify.ts', other.path, uri), { code: 1, stdout: /bytes differ/ });
});
