import { createHash } from 'node:crypto';
import { open, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openDisk, push, type PushOptions } from '../../src/index.js';
import { bytesOf, endBreak, factsOf } from '../support/blobs.js';
import type { GateRecord } from '../support/gate.js';
import { stage } from '../support/stage.js';

const LEAF = 64 * 1024;
const LEAVES = 40;

/** Leaves of a disk; of the `changed` ones other bytes than otherwise. */
function content(changed: readonly number[], version = 'v1'): Buffer {
  return Buffer.concat(
    Array.from({ length: LEAVES }, (_, leaf) => {
      const text = `${leaf} ${changed.includes(leaf) ? version : ''}`;
      return Buffer.alloc(LEAF, createHash('sha256').update(text).digest());
    }),
  );
}

/** A base with its list, and a rebuilt disk whose leaf 4 is another. */
async function scene(t: Test) {
  const set = await stage(t);
  const { folder, container, options, gate, uri } = set;
  const [first, second] = [join(folder, 'v1.raw'), join(folder, 'v2.raw')];
  await writeFile(first, content([]));
  await writeFile(second, content([4]));
  for (const path of [first, second]) await utimes(path, 1e9, 1e9);
  const pushed = async (path: string, name: string, more: PushOptions = {}) => {
    await using disk = await openDisk(path, { format: 'raw' });
    const result = await push(disk, { ...options, cacheFolder: false, to: uri(name), ...more });
    await endBreak(container, name);
    return result;
  };
  await pushed(first, 'v1');
  const over = (more: PushOptions = {}) => pushed(second, 'v2', { base: uri('v1'), compare: 'leaves', ...more });
  /** Writes to a disk in place at the first request of a kind, and puts its time of modification back. */
  const tearAt = (kind: GateRecord['kind'], path: string, leaf: number) => {
    let isTorn = false;
    gate.onRequest = async (record) => {
      if (record.kind !== kind || isTorn) return undefined;
      isTorn = true;
      await tear(path, leaf);
      return undefined;
    };
    return () => isTorn;
  };
  const blob = async () => (await bytesOf(container, 'v2')).subarray(0, -512);
  return { ...set, first, second, pushed, over, tearAt, blob };
}

async function tear(path: string, leaf: number): Promise<void> {
  const { atime, mtime } = await stat(path);
  await using file = await open(path, 'r+');
  await file.write(content([leaf], 'torn'), leaf * LEAF, LEAF, leaf * LEAF);
  await file.sync();
  await utimes(path, atime, mtime);
}

for (const { what, leaf } of [
  { what: 'was compared as equal', leaf: 20 },
  { what: 'is sent', leaf: 4 },
])
  for (const kind of ['copy', 'clear-pages', 'put-page'] as const)
    t.test(
      `a rebuilt disk in which a leaf that ${what} is rewritten at ${kind}, its time put back, is never finished as a mixture`,
      async (t) => {
        const { container, over, tearAt, blob, second } = await scene(t);
        const before = await factsOf(container, 'v1');
        const isTorn = tearAt(kind, second, leaf);
        const isDone = await over().then(
          () => true,
          (error: unknown) => {
            t.match(error, { code: 'source-changed', message: /v2\.raw/ });
            return false;
          },
        );
        t.ok(isTorn());
        const now = content([4, leaf], 'v1');
        content([leaf], 'torn').copy(now, leaf * LEAF, leaf * LEAF, (leaf + 1) * LEAF);
        if (!content([4]).equals(now) && leaf !== 4) content([4]).copy(now, 4 * LEAF, 4 * LEAF, 5 * LEAF);
        if (isDone) t.ok((await blob()).equals(now), 'it is the disk as it is now');
        else t.not((await factsOf(container, 'v2'))?.metadata['vhdup_state'], 'complete', 'and nothing vouches for it');
        await over({ overwrite: true });
        t.ok((await blob()).equals(now), 'the same command with overwrite pushes the disk as it is');
        t.strictSame(await factsOf(container, 'v1'), before, 'the base is as it was');
      },
    );

t.test(
  'a rebuilt disk that is only touched meanwhile is pushed, also if the list of its base is gone by then',
  async (t) => {
    const { container, gate, over, blob, second } = await scene(t);
    let isTouched = false;
    gate.onRequest = async ({ kind }) => {
      if (kind !== 'put-page' || isTouched) return undefined;
      isTouched = true;
      await utimes(second, 1e9, 1e9);
      await container.getBlockBlobClient('v1.vhdup-leaves').delete();
      return undefined;
    };
    t.match(await over(), { outcome: 'pushed', base: { check: 'leaves' } });
    t.ok(isTouched);
    t.ok((await blob()).equals(content([4])));
  },
);

t.test('a disk named for the base that has its size but not its content is refused', async (t) => {
  const { container, first, over } = await scene(t);
  await container.getBlockBlobClient('v1.vhdup-leaves').delete();
  await tear(first, 9);
  await using baseDisk = await openDisk(first, { format: 'raw' });
  await t.rejects(over({ baseDisk }), { code: 'base-mismatch', message: /its content is not that of .*v1\.raw/ });
  t.equal(await factsOf(container, 'v2'), undefined, 'nothing was made');
});

t.test('a base that is written to while it is read, or after it was compared, is not used', async (t) => {
  const { container, gate, over } = await scene(t);
  await container.getBlockBlobClient('v1.vhdup-leaves').delete();
  gate.hidesEmulator = true;
  const base = container.getPageBlobClient('v1');
  for (const kind of ['page-ranges', 'read', 'copy'] as const) {
    let isWritten = false;
    gate.onRequest = async (record) => {
      const isIt = record.kind === kind && (kind !== 'read' || (record.range?.length ?? 0) >= LEAF);
      if (!isIt || isWritten) return undefined;
      isWritten = true;
      await base.uploadPages(Buffer.alloc(512, 0x77), 7 * LEAF, 512);
      return undefined;
    };
    await t.rejects(over({ readBase: true }), { code: 'base-mismatch', message: /changed/ }, kind);
    t.ok(isWritten, kind);
    t.equal(await factsOf(container, 'v2'), undefined, `${kind}: nothing was made`);
  }
});
