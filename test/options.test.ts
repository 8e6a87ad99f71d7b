import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  abortPush,
  blobStatus,
  checkDisk,
  inspectBlob,
  openDisk,
  planPush,
  pull,
  push,
  sealBlob,
  unsealBlob,
  verify,
} from '../src/index.js';
import { temporaryFolder } from './support/folder.js';

/** What a caller without TypeScript may pass: of any type. */
type Loose = Readonly<Record<string, unknown>>;

const SESSION: readonly (readonly [string, unknown])[] = [
  ...[0, -1, 1.5, Number.NaN, Infinity, 513, '8', null].map((value) => ['concurrency', value] as const),
  ...[0, -1, 1023, Number.NaN, '50M'].map((value) => ['limit', value] as const),
  ['environment', 'AZURE_STORAGE_KEY'],
  ['accountSas', 'sv=1'],
  ['accountSas', { endpoint: 'https://a.blob.core.windows.net', sas: '' }],
  ['accountSas', { sas: 'sv=1' }],
  ['allowHttp', 'no'],
  ['signal', {}],
  ['onEvent', 'print'],
  ['retry', 5],
  ['retry', { attempts: 0, firstDelayMs: 1, maxDelayMs: 1 }],
  ['retry', { attempts: 3, firstDelayMs: -1, maxDelayMs: 1 }],
  ['retry', { attempts: 3, firstDelayMs: 1, maxDelayMs: 1, deadlineMs: 0 }],
];
const DISK = [
  ['format', 'vdi'],
  ['parentDirs', '/images'],
  ['parentDirs', ['']],
  ['followAbsoluteParents', 1],
  ['ignoreChecksum', 'yes'],
] as const;
const MANAGE = [...SESSION, ['stateFolder', '']] as const;
const PUSH = [
  ...MANAGE,
  ['to', ''],
  ['base', ''],
  ['baseCheck', 'none'],
  ['requireSealedBase', 'yes'],
  ['seal', 'lease'],
  ['seal', { kind: 'immutable' }],
  ['seal', { kind: 'immutable', until: new Date('never') }],
  ['overwrite', 'yes'],
  ['verify', 'some'],
  ['verify', true],
  ['gap', -1],
  ['gap', 0.5],
  ['gap', 4 * 1024 * 1024 + 1],
  ['contentMd5', 'sometimes'],
  ['cacheFolder', true],
] as const;
const PULL = [
  ...MANAGE,
  ...DISK,
  ['format', 'vhd'],
  ['onto', ''],
  ['overwrite', 1],
  ['checkMd5', 'no'],
  ['recordEvery', 0],
] as const;

/** Starts a server that counts requests; there must be none. */
async function countingServer(t: Test) {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { uri: `http://127.0.0.1:${port}/account/container/disk.vhd?sig=c2lnbmVk`, requests: () => requests };
}

t.test('an option with a value that it does not take is refused before any work, by its name', async (t) => {
  const { uri, requests } = await countingServer(t);
  const folder = await temporaryFolder(t);
  const path = join(folder, 'disk.img');
  await writeFile(path, Buffer.alloc(1024 * 1024));
  await using disk = await openDisk(path, { format: 'raw' });
  const missing = join(folder, 'missing.vhd');
  const cases: readonly (readonly [
    string,
    (options: Loose) => Promise<unknown>,
    readonly (readonly [string, unknown])[],
  ])[] = [
    ['push', (options) => push(disk, { to: uri, ...options }), PUSH],
    ['planPush', (options) => planPush(disk, { to: uri, ...options }), PUSH],
    ['pull', (options) => pull(uri, join(folder, 'pulled.vhd'), options), PULL],
    ['verify', (options) => verify(disk, uri, options), [...SESSION, ['deep', 'no']]],
    ['inspectBlob', (options) => inspectBlob(uri, options), SESSION],
    ['blobStatus', (options) => blobStatus(uri, options), MANAGE],
    ['abortPush', (options) => abortPush(uri, options), [...MANAGE, ['confirm', true]]],
    ['sealBlob', (options) => sealBlob(uri, options), [...MANAGE, ['seal', { kind: 'wax' }]]],
    ['unsealBlob', (options) => unsealBlob(uri, options), [...MANAGE, ['leaseId', ''], ['break', 'yes']]],
    ['openDisk', (options) => openDisk(missing, options), DISK],
    ['checkDisk', (options) => checkDisk(missing, options), DISK],
  ];
  for (const [name, call, refused] of cases)
    for (const [option, value] of refused)
      await t.rejects(
        call({ [option]: value }),
        { code: 'usage', message: new RegExp(`^\`${option}\` takes `) },
        `${name}: ${option}`,
      );
  t.equal(requests(), 0);
});

t.test('an option that is undefined means its default', async (t) => {
  const { uri, requests } = await countingServer(t);
  const options = { concurrency: undefined, limit: undefined, retry: undefined, stateFolder: undefined };
  const { exists } = await blobStatus(uri, options);
  t.equal(exists, false);
  t.ok(requests() > 0, 'the service was asked');
});
