import { createHash } from 'node:crypto';
import t from 'tap';
import { hasStatus } from '../../src/azure/service-error.js';
import { azureScene } from '../support/azure-scene.js';

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();

t.test('the head of a blob: its first bytes, its size and its ETag from one state', async (t) => {
  const { container, blobAt } = await azureScene(t);
  const { blockBlob: blob } = await blobAt('text');
  t.equal(await blob.head(4), undefined, 'no such blob');
  const direct = container.getBlockBlobClient('text');
  await direct.upload('', 0);
  t.equal(await blob.head(4), undefined, 'an empty one');
  const { etag } = await direct.upload('abcdefgh', 8);
  t.strictSame(await blob.head(4), { bytes: Buffer.from('abcd'), size: 8, etag });
  t.strictSame(await blob.head(100), { bytes: Buffer.from('abcdefgh'), size: 8, etag }, 'fewer than asked for');
});

t.test('a head that is cut short is requested again, and never taken for a short blob', async (t) => {
  const { container, gate, blobAt } = await azureScene(t);
  await container.getBlockBlobClient('text').upload('abcdefgh', 8);
  let answers = 0;
  gate.onRequest = ({ method }) =>
    method === 'GET' && ++answers === 1
      ? { status: 206, headers: { 'content-range': 'bytes 0-7/8', 'content-length': '3', etag: '"1"' }, body: 'abc' }
      : undefined;
  t.match(await (await blobAt('text')).blockBlob.head(8), { bytes: Buffer.from('abcdefgh') });
  t.equal(answers, 2);
});

t.test('blocks are visible only when they are committed, in the order of the list', async (t) => {
  const { container, blobAt } = await azureScene(t);
  const { blockBlob: blob } = await blobAt('list');
  const staged = async (id: string, text: string) => blob.stage(id, Buffer.from(text), md5(Buffer.from(text)));
  await staged('1', 'first');
  await staged('2', 'second');
  t.notOk((await blob.head(1)) !== undefined, 'nothing yet');
  await blob.commit(['2', '1'], { key: 'value' });
  const direct = container.getBlockBlobClient('list');
  t.equal((await direct.downloadToBuffer()).toString(), 'secondfirst');
  t.match((await direct.getProperties()).metadata, { key: 'value' });
  const torn = await blob
    .stage('3', Buffer.from('third'), md5(Buffer.from('another')))
    .catch((error: unknown) => error);
  t.ok(hasStatus(torn, 400), 'a block that arrives otherwise than it was sent is refused');
});

t.test('of all who claim a blob one gets it, and it stays as that one made it', async (t) => {
  const { container, blobAt } = await azureScene(t);
  const { blockBlob: blob } = await blobAt('vhdup-images/gold/1');
  const claims = await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (owner) => ((await blob.claim({ owner })) ? owner : '')),
  );
  const winners = claims.filter((owner) => owner !== '');
  t.equal(winners.length, 1);
  t.equal((await container.getBlobClient('vhdup-images/gold/1').getProperties()).metadata?.['owner'], winners[0]);
});
