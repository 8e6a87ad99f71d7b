import { randomBytes } from 'node:crypto';
import { BlobSASPermissions, BlobServiceClient } from '@azure/storage-blob';
import t from 'tap';
import { openDisk, push } from '../../src/index.js';
import { addressOf } from '../support/azurite.js';
import { factsOf } from '../support/blobs.js';
import { atNth } from '../support/gate.js';
import { smallScene } from './small-scene.js';

for (const when of ['before it is copied', 'while it is copied'] as const) {
  t.test(`a base that is deleted after it was checked, ${when}: the push says so`, async (t) => {
    const { gate, container, pushed, assertHonest } = await smallScene(t);
    gate.copies = { polls: 1, end: 'success' };
    gate[when === 'before it is copied' ? 'onRequest' : 'onAnswer'] = async ({ kind }) => {
      if (kind === 'copy') await container.getBlobClient('base').deleteIfExists();
      return undefined;
    };
    await t.rejects(pushed('orphan'), { code: 'base-mismatch', message: /was deleted/, hint: /./ });
    await assertHonest('orphan', 'after the refusal');
    gate.copies = undefined;
    gate.onRequest = () => undefined;
    gate.onAnswer = () => undefined;
    await t.rejects(pushed('orphan'), { code: 'base-mismatch', message: /no such blob/ });
  });
}

t.test(
  'a base that is deleted under an interrupted push: the next run says so, and --overwrite without it sends everything',
  async (t) => {
    const { gate, container, uri, pushed, endOf, assertHonest, assertPushed } = await smallScene(t);
    gate.faults = atNth('put-page', 2, 'expired-sas', Infinity);
    t.equal(await endOf(pushed('widow'), 'widow'), 'not-authorised');
    gate.faults = () => undefined;
    await container.getBlobClient('base').delete();
    await t.rejects(pushed('widow'), { code: 'base-mismatch', message: /no such blob/ });
    await assertHonest('widow', 'without its base');
    t.match(await pushed('widow', { base: undefined, to: uri('widow'), overwrite: true }), { outcome: 'pushed' });
    await assertPushed('widow');
  },
);

t.test('a base under an infinite lease is copied, and counts as protected', async (t) => {
  const { container, pushed, assertPushed } = await smallScene(t);
  await container.getBlobClient('base').getBlobLeaseClient().acquireLease(-1);
  const { base, warnings } = await pushed('over-leased');
  t.match(base, { protection: 'an infinite lease' });
  t.notOk(warnings.some(({ code }) => code === 'base-not-sealed'));
  await assertPushed('over-leased');
});

t.test('a base in another account is copied by its own SAS', async (t) => {
  const key = randomBytes(64).toString('base64');
  const { AZURITE_ACCOUNTS: accounts } = process.env;
  const emulatorKey =
    /AccountKey=([^;]+)/.exec(addressOf('http://127.0.0.1/devstoreaccount1').connectionString)?.[1] ?? '';
  process.env['AZURITE_ACCOUNTS'] = `devstoreaccount1:${emulatorKey};otheraccount:${key}`;
  t.teardown(() => {
    if (accounts === undefined) delete process.env['AZURITE_ACCOUNTS'];
    else process.env['AZURITE_ACCOUNTS'] = accounts;
  });
  const { gate, folder, container, basePath, pushed, assertPushed } = await smallScene(t);
  const endpoint = gate.url.replace('devstoreaccount1', 'otheraccount');
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=otheraccount;AccountKey=${key};BlobEndpoint=${endpoint};`;
  const other = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('images');
  await other.create();
  {
    await using disk = await openDisk(basePath);
    await push(disk, {
      to: `${endpoint}/images/base`,
      environment: { AZURE_STORAGE_CONNECTION_STRING: connectionString },
      stateFolder: folder,
      cacheFolder: false,
    });
  }
  const source = other.getBlobClient('base');
  const before = await source.getProperties();
  await t.rejects(pushed('afar', { base: source.url }), { code: 'not-authorised' }, 'not without a SAS');
  t.equal(await factsOf(container, 'afar'), undefined);
  const sas = async (permissions: string) =>
    source.generateSasUrl({
      permissions: BlobSASPermissions.parse(permissions),
      expiresOn: new Date(Date.now() + 3_600_000),
    });
  gate.copies = { polls: 1, end: 'success' };
  const { base } = await pushed('afar', { base: await sas('r') });
  t.equal(base?.blob, source.url, 'told without its SAS');
  await assertPushed('afar');
  t.notMatch(JSON.stringify(await factsOf(container, 'afar')), /sig=/);
  t.equal((await source.getProperties()).etag, before.etag);
});
