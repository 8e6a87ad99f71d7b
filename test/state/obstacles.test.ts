import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { blobStatus, unsealBlob } from '../../src/index.js';
import { DigestCache } from '../../src/state/digest-cache.js';
import { deleteLeaseRecord, readLeaseRecord, writeLeaseRecord } from '../../src/state/lease-record.js';
import { openLeafFile } from '../../src/state/leaf-file.js';
import { thisOwner } from '../../src/state/owner.js';
import { readSealRecord, restoreSealRecord, writeSealRecord } from '../../src/state/seal-record.js';
import { temporaryFolder } from '../support/folder.js';
import { manageScene } from '../support/manage-scene.js';
import { obstaclesIn, type Obstacles } from '../support/obstacles.js';

const skip = process.platform === 'win32' && 'Windows has no such files in folders';
const URI = 'https://a.blob.core.windows.net/c/b';
const KEY = 'a file';

async function obstacles(t: Test): Promise<Obstacles> {
  const targets = join(await temporaryFolder(t), 'targets');
  await mkdir(targets);
  return obstaclesIn(targets);
}

/** Leaves of a tree digest, kept for `KEY`. */
async function keepLeaves(cache: DigestCache): Promise<void> {
  const writer = await cache.createLeaves();
  await writer?.add({ index: 0, values: Buffer.alloc(32, 1) });
  await writer?.commit(KEY, Buffer.alloc(32, 2)).catch(() => undefined);
}

t.test(
  'what stands in place of a record counts as none, holds nothing up, is not followed, and is replaced',
  { skip },
  async (t) => {
    const { all, isUntouched } = await obstacles(t);
    const folder = await temporaryFolder(t);
    const cache = new DigestCache(folder);
    const owner = thisOwner();
    for (const { kind, write, read, remove } of [
      {
        kind: 'lease.json',
        write: () => writeLeaseRecord(folder, { uri: URI, leaseId: 'x', owner }),
        read: () => readLeaseRecord(folder, URI),
        remove: () => deleteLeaseRecord(folder, URI),
      },
      {
        kind: 'seal.json',
        write: () => writeSealRecord(folder, { uri: URI, leaseId: 'x' }),
        read: () => readSealRecord(folder, URI),
        remove: () => restoreSealRecord(folder, { uri: URI, leaseId: 'x' }, undefined),
      },
      {
        kind: 'md5.json',
        write: () => cache.writeMd5(KEY, Buffer.alloc(16)),
        read: () => cache.readMd5(KEY),
        remove: undefined,
      },
      {
        kind: 'leaves',
        write: () => keepLeaves(cache),
        read: async () => {
          const file = await openLeafFile(folder, KEY);
          await file?.close();
          return file;
        },
        remove: () => cache.deleteLeaves(KEY),
      },
    ]) {
      await write();
      t.ok(await read(), kind);
      const path = join(folder, (await readdir(folder)).find((name) => name.endsWith(`.${kind}`)) ?? 'none');
      for (const { name, isFolder, place } of all) {
        await place(path);
        t.equal(await read(), undefined, `${kind}: ${name}`);
        await cache.trim();
        const written = await Promise.resolve(write()).then(
          () => true,
          () => false,
        );
        t.ok(written || isFolder, `${kind} written over ${name}`);
        t.equal((await read()) !== undefined, !isFolder, `${kind} after ${name}`);
        await place(path);
        await remove?.();
      }
      await write();
    }
    t.ok(await isUntouched());
    t.strictSame(
      (await readdir(folder)).filter((name) => !/^[0-9a-f]{32}\.(lease\.json|seal\.json|md5\.json|leaves)$/.test(name)),
      [],
      'no other file is left',
    );
  },
);

t.test(
  'a push and its seal do not hang or fail because of what stands in place of their records and locks',
  { skip },
  async (t) => {
    const { scene, options, uri, pushed } = await manageScene(t);
    const { all, isUntouched } = await obstacles(t);
    for (const [index, { name, isFolder, place }] of all.entries()) {
      const to = uri(`in-the-way-${index}`);
      await writeLeaseRecord(options.stateFolder, { uri: to, leaseId: 'x', owner: thisOwner() });
      const [lease = ''] = (await readdir(options.stateFolder)).filter((file) => file.endsWith('.lease.json'));
      const seal = lease.replace('.lease.', '.seal.');
      const records = [lease, seal].map((file) => join(options.stateFolder, file));
      // A regular file in place of a lock is that of an older version: it is watched for ten seconds.
      const locks = name === 'a file of 64 GiB' ? [] : records.map((path) => `${path}.lock`);
      for (const path of [...records, ...locks]) await place(path);
      const { outcome, seal: made, warnings } = await pushed(scene.base, { to, seal: { kind: 'lease' } });
      t.match({ outcome, made }, { outcome: 'pushed', made: { leaseId: /./ } }, name);
      const isKept = !warnings.some(({ hint }) => hint === `keep it yourself: ${made?.leaseId ?? 'none'}`);
      t.equal(isKept, name === 'a file of 64 GiB', name);
      t.equal((await readSealRecord(options.stateFolder, to))?.leaseId, isKept ? made?.leaseId : undefined, name);
      t.equal((await blobStatus(to, options)).lease?.isSealedFromHere, isKept, name);
      t.match(await unsealBlob(to, { ...options, leaseId: made?.leaseId }), { outcome: 'unsealed' }, name);
      if (isFolder) t.ok((await stat(join(records[0] ?? '', 'something'))).isFile(), 'what is in a folder stays');
      for (const file of await readdir(options.stateFolder))
        await rm(join(options.stateFolder, file), { recursive: true });
    }
    t.ok(await isUntouched());
  },
);
