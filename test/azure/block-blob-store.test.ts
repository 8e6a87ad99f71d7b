import { randomBytes } from 'node:crypto';
import t from 'tap';
import { azureScene } from '../support/azure-scene.js';
import { tryStore } from '../store/store-contract.js';

t.test('a container keeps what a store promises, and so does a part of one', async (t) => {
  for (const prefix of ['', 'my/vault/']) {
    const { container, storeAt } = await azureScene(t);
    await container.getBlockBlobClient('beside').upload('x', 1);
    if (prefix === '') await container.deleteBlob('beside');
    await tryStore(t, await storeAt(prefix));
  }
});

t.test('an object that is larger than a request is created whole, or not at all', async (t) => {
  const { container, storeAt, gate } = await azureScene(t);
  const store = await storeAt('', 1000);
  const bytes = randomBytes(4567);
  t.equal(await store.create('large', [bytes.subarray(0, 100), bytes.subarray(100)]), 'created');
  t.ok((await store.get('large')).equals(bytes));
  t.equal(await store.create('large', [randomBytes(3000)]), 'exists');
  t.ok((await store.get('large')).equals(bytes));
  gate.onRequest = ({ url }) => (url.includes('comp=blocklist') ? { status: 403 } : undefined);
  await t.rejects(store.create('other', [bytes]));
  gate.onRequest = () => undefined;
  t.notOk(await container.getBlobClient('other').exists());
});

t.test('a lost answer, a busy service and a conflict that says nothing of the name', async (t) => {
  const { storeAt, gate } = await azureScene(t);
  const store = await storeAt('');
  let count = 0;
  gate.onAnswer = ({ method }) => (method === 'PUT' && ++count === 1 ? 'drop' : undefined);
  t.equal(await store.create('lost', [Buffer.from('x')]), 'exists', 'it may be the own one');
  t.equal((await store.get('lost')).toString(), 'x');
  count = 0;
  gate.onAnswer = () => undefined;
  gate.onRequest = ({ method }) => (method === 'PUT' && ++count <= 2 ? { status: 503 } : undefined);
  t.equal(await store.create('busy', [Buffer.from('x')]), 'created');
  t.equal(count, 3);
  gate.onRequest = ({ method }) =>
    method === 'PUT' ? { status: 409, headers: { 'x-ms-error-code': 'ContainerBeingDeleted' } } : undefined;
  await t.rejects(store.create('other', []), { name: 'VhdupError' });
});

t.test('a credential that may only create is told by 403 that the name is in use', async (t) => {
  const { storeAt, gate } = await azureScene(t);
  const store = await storeAt('');
  gate.onRequest = ({ method }) => (method === 'PUT' ? { status: 403 } : undefined);
  await t.rejects(store.create('new', [Buffer.from('x')]), { code: 'not-authorised' });
  gate.onRequest = () => undefined;
  await store.create('there', [Buffer.from('x')]);
  gate.onRequest = ({ method }) => (method === 'PUT' ? { status: 403 } : undefined);
  t.equal(await store.create('there', [Buffer.from('y')]), 'exists');
});
