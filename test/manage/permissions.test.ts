import { ContainerSASPermissions } from '@azure/storage-blob';
import t from 'tap';
import { abortPush, blobStatus, inspectBlob, listImages, sealBlob, unsealBlob } from '../../src/index.js';
import { factsOf } from '../support/blobs.js';
import { manageScene } from '../support/manage-scene.js';

t.test(
  'each command works with the permissions that SECURITY.md names for it, and the reading ones with r alone',
  async (t) => {
    const { gate, scene, options, uri, pushed, unfinished, container } = await manageScene(t);
    const expiresOn = new Date(Date.now() + 3_600_000);
    const sas = async (permissions: string) =>
      new URL(await container.generateSasUrl({ permissions: ContainerSASPermissions.parse(permissions), expiresOn }))
        .search;
    const [r, rw, rwd, rwl, l] = await Promise.all(['r', 'rw', 'rwd', 'rwl', 'l'].map(sas));
    const none = { ...options, environment: {} };
    gate.hidesEmulator = true;

    await t.rejects(pushed(scene.base, { to: `${uri('base')}${r}`, environment: {} }), { code: 'not-authorised' });
    await pushed(scene.base, { to: `${uri('base')}${rw}`, environment: {} });
    await pushed(scene.child, { base: `${uri('base')}${r}`, to: `${uri('child')}${rw}`, environment: {} });
    await t.rejects(
      pushed(scene.child, { base: 'auto', to: `${uri('auto')}${rw}`, environment: {} }),
      { code: 'not-authorised' },
      'a listing needs l',
    );
    t.match(await pushed(scene.child, { base: 'auto', to: `${uri('auto')}${rwl}`, environment: {} }), {
      base: { id: scene.ids.child },
    });

    t.match(await blobStatus(`${uri('base')}${r}`, none), { state: 'complete' });
    t.match(await inspectBlob(`${uri('base')}${r}`, none), { problems: [] });
    t.match(await pushed(scene.child, { image: 'golden', to: `${uri('v1')}${rwl}`, environment: {} }), {
      imageVersion: '1',
    });
    t.match(await listImages(`${uri('')}${l}`, none), { images: [{ versions: [{ version: '1' }] }] });
    await t.rejects(listImages(`${uri('')}${rw}`, none), { code: 'not-authorised' });
    await t.rejects(sealBlob(`${uri('base')}${r}`, none), { code: 'not-authorised' });
    t.match(await sealBlob(`${uri('base')}${rw}`, none), { seal: { kind: 'lease' } });
    t.match(await unsealBlob(`${uri('base')}${rw}`, none), { outcome: 'unsealed' });

    await unfinished('half');
    await t.rejects(abortPush(`${uri('half')}${rw}`, none), { code: 'not-authorised' });
    t.match(await factsOf(container, 'half'), { leaseState: 'available' }, 'refused, and nothing is left behind');
    t.match(await abortPush(`${uri('half')}${rwd}`, none), { outcome: 'deleted' });
  },
);
