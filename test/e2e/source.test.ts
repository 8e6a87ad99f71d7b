import { randomBytes } from 'node:crypto';
import { readFile, rename, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { bytesOf, factsOf } from '../support/blobs.js';
import { threeLevels } from '../support/push-scene.js';
import { stage } from '../support/stage.js';

const MIB = 1024 * 1024;

/** A stage, a chain, and its base pushed. */
async function setting(t: Test) {
  const set = await stage(t);
  const scene = await threeLevels(set.folder);
  await set.pushed(scene.base, { to: set.uri('base.vhd') });
  return { ...set, scene };
}

/** Puts another file in the place of an image: the same structures, size, id and modification time, other data at one place. */
async function replace(path: string, old: Uint8Array, fresh: Uint8Array): Promise<void> {
  const bytes = await readFile(path);
  const { atime, mtime } = await stat(path);
  const at = bytes.indexOf(old);
  if (at < 0) throw new Error('no such data');
  bytes.set(fresh, at);
  await writeFile(`${path}.new`, bytes);
  await utimes(`${path}.new`, atime, mtime);
  await rename(`${path}.new`, path);
}

t.test(
  'a file that ends in the middle of the push is an error, no zeros; whole again, it is pushed to equal bytes',
  async (t) => {
    const { gate, container, scene, pushed, uri } = await setting(t);
    const whole = await readFile(scene.middle);
    let isCut = false;
    gate.onRequest = async ({ kind }) => {
      if (kind !== 'clear-pages' || isCut) return undefined;
      isCut = true;
      await truncate(scene.middle, 16 * 1024);
      return undefined;
    };
    await t.rejects(pushed(scene.child, { base: uri('base.vhd'), to: uri('cut') }), {
      code: 'disk-unreadable',
      message: /mïddle\.vhd: the file ends at or before offset/,
    });
    t.ok(isCut);
    t.notOk((await factsOf(container, 'cut'))?.contentMd5, 'nothing vouches for what is there');
    await writeFile(scene.middle, whole);
    t.equal((await pushed(scene.child, { base: uri('base.vhd'), to: uri('cut') })).outcome, 'resumed');
    t.ok((await bytesOf(container, 'cut')).subarray(0, -512).equals(scene.content));
  },
);

t.test(
  'a parent replaced by another file with the same id, between two runs: what was sent of the old one is sent anew',
  async (t) => {
    const { gate, container, scene, pushed, uri } = await setting(t);
    let puts = 0;
    gate.onRequest = ({ kind, range }) =>
      kind === 'put-page' && ++puts > 2 && range?.offset !== 0 ? { status: 403 } : undefined;
    await t.rejects(pushed(scene.child, { base: uri('base.vhd'), to: uri('replaced'), concurrency: 1 }), {
      code: 'not-authorised',
    });
    gate.onRequest = () => undefined;
    const fresh = randomBytes(1024);
    await replace(scene.middle, scene.content.subarray(512, 1536), fresh);
    fresh.copy(scene.content, 512);
    t.equal((await pushed(scene.child, { base: uri('base.vhd'), to: uri('replaced') })).outcome, 'resumed');
    t.ok((await bytesOf(container, 'replaced')).subarray(0, -512).equals(scene.content));
  },
);

t.test(
  'an ancestor replaced by another file with the same id, between two runs: its base is checked again',
  async (t) => {
    const { gate, scene, pushed, uri } = await setting(t);
    gate.onRequest = ({ kind }) => (kind === 'put-page' ? { status: 403 } : undefined);
    await t.rejects(pushed(scene.child, { base: uri('base.vhd'), to: uri('ancestor') }), { code: 'not-authorised' });
    gate.onRequest = () => undefined;
    await replace(scene.base, scene.baseContent.subarray(2 * MIB, 2 * MIB + 512), randomBytes(512));
    await t.rejects(pushed(scene.child, { base: uri('base.vhd'), to: uri('ancestor') }), {
      code: 'base-mismatch',
      message: /tree digest differs from that of the local ancestor/,
    });
  },
);

t.test(
  'a parent replaced while the push runs: the push goes on with the file that it opened, or says that it changed',
  async (t) => {
    const { gate, container, scene, pushed, uri } = await setting(t);
    let isReplaced = false;
    gate.onRequest = async ({ kind }) => {
      if (kind !== 'clear-pages' || isReplaced) return undefined;
      isReplaced = true;
      await replace(scene.middle, scene.content.subarray(512, 1536), randomBytes(1024));
      return undefined;
    };
    const code = await pushed(scene.child, { base: uri('base.vhd'), to: uri('meanwhile') }).then(
      () => undefined,
      (error: { code: string }) => error.code,
    );
    t.ok(isReplaced);
    if (code === undefined)
      t.ok(
        (await bytesOf(container, 'meanwhile')).subarray(0, -512).equals(scene.content),
        'all of it is of the old file',
      );
    else t.equal(code, 'source-changed');
  },
);
