import { chmod, mkdir, readFile, readdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { FolderStore } from '../../src/store/folder-store.js';
import { temporaryFolder } from '../support/folder.js';
import { tryStore } from './store-contract.js';

t.test('a folder keeps what a store promises', async (t) => {
  const folder = join(await temporaryFolder(t), 'new', 'väult');
  await tryStore(t, new FolderStore(folder));
  t.strictSame(await readdir(join(folder, 'tmp')), [], 'nothing unfinished is left');
});

t.test('of many processes that are killed while they create objects, none leaves a part of one', async (t) => {
  const folder = join(await temporaryFolder(t), 'vault');
  const store = new FolderStore(folder);
  const program = `
    import { FolderStore } from ${JSON.stringify(new URL('../../src/store/folder-store.ts', import.meta.url).href)};
    const store = new FolderStore(process.argv[1]);
    process.stdout.write('ready');
    for (let n = 0; ; n++) await store.create(\`chunk/\${process.pid}-\${n}\`, [Buffer.alloc(200_000, n), Buffer.alloc(56, n)]);`;
  for (let round = 0; round < 5; round++) {
    const child = spawn(
      process.execPath,
      ['--import=./test/support/tsx.js', '--input-type=module', '-e', program, folder],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, 20 + 37 * round));
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  let objects = 0;
  for await (const { key, size } of store.list('')) {
    objects++;
    const bytes = await store.get(key);
    const n = Number(key.split('-').pop()) % 256;
    t.ok(size === 200_056 && bytes.every((byte) => byte === n), `${key} is whole`);
  }
  t.ok(objects > 0);
});

t.test('what is in the way is an error, and never an object', async (t) => {
  const folder = join(await temporaryFolder(t), 'vault');
  const store = new FolderStore(folder);
  await store.create('a/x', [Buffer.from('x')]);
  await writeFile(join(folder, 'file'), '');
  await t.rejects(store.create('file/x', []), { code: 'output-unwritable' });
  await t.rejects(store.get('file/x'), { code: 'vault-damaged' });
  await mkdir(join(folder, 'a', 'folder'));
  await t.rejects(store.get('a/folder'), { code: 'vault-damaged' });
  t.equal(await store.create('a/folder', []), 'exists');
  t.equal(await store.head('a/folder'), undefined);

  await writeFile(join(folder, '..', 'secret'), 'secret');
  await symlink(join(folder, '..', 'secret'), join(folder, 'a', 'link'));
  await t.rejects(store.get('a/link'), { code: 'vault-damaged' }, 'a link is not followed');
  t.equal(await store.head('a/link'), undefined);
  t.equal(await store.create('a/link', [Buffer.from('y')]), 'exists');
  t.equal(await readFile(join(folder, '..', 'secret'), 'utf8'), 'secret');
  const keys: string[] = [];
  for await (const { key } of store.list('a/')) keys.push(key);
  t.strictSame(keys, ['a/x']);

  await truncate(join(folder, 'a', 'x'), 0);
  await t.rejects(store.get('a/x', { offset: 0, length: 1 }), { code: 'vault-damaged', message: /has only 0 bytes/ });
});

t.test(
  'a folder that may not be written says so',
  { skip: process.getuid?.() === 0 && 'root may write everywhere' },
  async (t) => {
    const folder = join(await temporaryFolder(t), 'vault');
    const store = new FolderStore(folder);
    await store.create('x', []);
    await chmod(join(folder, 'tmp'), 0o500);
    t.teardown(() => chmod(join(folder, 'tmp'), 0o700));
    await t.rejects(store.create('y', []), { code: 'output-unwritable' });
    await t.rejects(store.now(), { code: 'output-unwritable' });
  },
);

t.test('a file system without hard links is refused, with the reason', async (t) => {
  const folder = join(await temporaryFolder(t), 'vault');
  const store = new FolderStore(folder, () => Promise.reject(Object.assign(new Error('no links'), { code: 'EPERM' })));
  await t.rejects(store.create('x', []), { code: 'output-unwritable', hint: /hard links/ });
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  t.strictSame(keys, []);
});
