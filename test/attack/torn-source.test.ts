import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { chmod, copyFile, link, open, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { openDisk, verify, type PushOptions } from '../../src/index.js';
import { bytesOf, factsOf } from '../support/blobs.js';
import { contentOfFile } from '../support/pull-scene.js';
import { stage } from '../support/stage.js';
import { rewriteBitmap, rewriteData, tornScene, treeOf } from '../support/torn-scene.js';
import { OLD, tear } from '../support/vhd-places.js';

const MIB = 1024 * 1024;

for (const moment of ['onRequest', 'onAnswer'] as const) {
  t.test(
    `a file that is rewritten in the middle of a full push, its time of modification put back, ${moment}: exit code 8, and the next run mends it`,
    async (t) => {
      const { scene, pushed, meddle, notes, uri, assertIs, assertUnfinished } = await tornScene(t);
      const torn = meddle(() => rewriteData(scene.middle), 'put-page', moment);
      await t.rejects(pushed(scene.child, { to: uri('full') }), {
        code: 'source-changed',
        message: /mïddle\.vhd: it differs from what was sent/,
        hint: /same command/,
      });
      t.ok(torn.isDone);
      t.match(notes, [/mïddle\.vhd was touched: what was sent is compared with the disk before the push is completed/]);
      await assertUnfinished('full');
      t.equal((await pushed(scene.child, { to: uri('full') })).outcome, 'resumed');
      await assertIs('full', scene.child);
      t.equal((await pushed(scene.child, { to: uri('full') })).outcome, 'already-there');
    },
  );
}

t.test(
  'a file that is rewritten when its digests are computed and nothing of it is sent yet: the digests are those of what was sent',
  async (t) => {
    const { gate, scene, pushed, uri, assertIs } = await tornScene(t);
    let isRead: () => void = () => undefined;
    const read = new Promise<void>((resolve) => {
      isRead = resolve;
    });
    let isTorn = false;
    gate.onRequest = async ({ kind }) => {
      if (kind !== 'clear-pages' || isTorn) return undefined;
      isTorn = true;
      await read;
      await rewriteData(scene.child);
      return undefined;
    };
    const { outcome } = await pushed(scene.child, {
      base: uri('base.vhd'),
      to: uri('early'),
      onEvent: (event) => {
        if (event.type === 'progress' && event.phase === 'digest' && event.done === event.total) isRead();
      },
    });
    t.equal(outcome, 'pushed');
    t.ok(isTorn);
    await assertIs('early', scene.child);
    t.equal((await pushed(scene.child, { base: uri('base.vhd'), to: uri('early') })).outcome, 'already-there');
  },
);

t.test(
  'digests that were computed for a look at the destination are not those of a file that was rewritten since',
  async (t) => {
    const { folder, container, scene, pushed, meddle, uri } = await tornScene(t);
    // A complete blob of the same disk with other bytes: to tell, the disk's tree digest is computed before anything is sent.
    const other = join(folder, 'other.vhd');
    await copyFile(scene.base, other);
    await rewriteData(other);
    await pushed(other, { to: uri('memo') });
    meddle(() => rewriteData(scene.base), 'create', 'onRequest');
    t.equal((await pushed(scene.base, { to: uri('memo'), overwrite: true, contentMd5: 'never' })).outcome, 'pushed');
    const bytes = await bytesOf(container, 'memo');
    t.ok(bytes.subarray(0, -512).equals(await contentOfFile(scene.base)));
    t.equal((await factsOf(container, 'memo'))?.metadata['vhdup_tree'], treeOf(bytes.subarray(0, -512)));
  },
);

t.test('the same of a push over a base: a layer above the ancestor', async (t) => {
  const { scene, pushed, meddle, uri, assertIs, assertUnfinished } = await tornScene(t);
  for (const path of [scene.middle, scene.child]) {
    const to = uri(path === scene.middle ? 'middle' : 'child');
    meddle(() => rewriteData(path));
    await t.rejects(pushed(scene.child, { base: uri('base.vhd'), to }), {
      code: 'source-changed',
      message: /it differs from what was sent/,
    });
    await assertUnfinished(path === scene.middle ? 'middle' : 'child');
    t.equal((await pushed(scene.child, { base: uri('base.vhd'), to })).outcome, 'resumed');
    await assertIs(path === scene.middle ? 'middle' : 'child', scene.child);
  }
});

t.test('an ancestor that is rewritten: its base is no longer what it was checked for', async (t) => {
  const { scene, pushed, meddle, uri, assertUnfinished } = await tornScene(t);
  const to = { base: uri('base.vhd'), to: uri('over') };
  for (const baseCheck of ['content', 'md5'] as const) {
    meddle(() => rewriteData(scene.base));
    await t.rejects(pushed(scene.child, { ...to, overwrite: true, baseCheck }), {
      code: 'source-changed',
      message: /base disk\.vhd: the base no longer equals the ancestor/,
    });
    await assertUnfinished('over');
    await t.rejects(
      pushed(scene.child, { ...to, overwrite: true, baseCheck }),
      { code: 'base-mismatch' },
      'and the next run says which',
    );
    await assertUnfinished('over');
    await pushed(scene.base, { to: uri('base.vhd'), overwrite: true });
  }
});

t.test('sector bitmaps that are rewritten: the plan is another one', async (t) => {
  const { scene, pushed, meddle, uri, assertIs, assertUnfinished } = await tornScene(t);
  for (const [name, base] of [
    ['over', uri('base.vhd')],
    ['full', undefined],
  ] as const) {
    meddle(() => rewriteBitmap(scene.child));
    const run = pushed(scene.child, { base, to: uri(name) });
    // Without a base the ranges to send are the same, with other bytes in them.
    await t.rejects(
      run,
      {
        code: 'source-changed',
        message:
          base === undefined
            ? /child\.vhd: it differs from what was sent/
            : /child\.vhd: what it changes of the base is not the same/,
      },
      name,
    );
    await assertUnfinished(name);
    await pushed(scene.child, { base, to: uri(name), overwrite: true });
    await assertIs(name, scene.child);
  }
});

t.test('a block table that is rewritten is a changed file', async (t) => {
  const { scene, pushed, meddle, uri, assertUnfinished } = await tornScene(t);
  meddle(() =>
    tear(scene.base, async (file, { entries: [a = 0, b = 0] }) => {
      const bytes = Buffer.alloc(8);
      await file.read(bytes, 0, 4, a);
      await file.read(bytes, 4, 4, b);
      await file.write(bytes, 4, 4, a);
      await file.write(bytes, 0, 4, b);
    }),
  );
  await t.rejects(pushed(scene.child, { to: uri('full') }), {
    code: 'source-changed',
    message: /base disk\.vhd: its headers or tables are no longer the same/,
  });
  await assertUnfinished('full');
});

t.test(
  'files that are only touched in the middle: the push succeeds, says so once, and notes their new times',
  async (t) => {
    const { folder, gate, scene, pushed, meddle, notes, uri, assertIs } = await tornScene(t);
    const touches: readonly (readonly [name: string, touch: () => Promise<void>, options: PushOptions, at?: 'read'])[] =
      [
        ['chmod', () => chmod(scene.middle, 0o600), {}],
        ['link', () => link(scene.base, join(folder, 'link')), {}],
        ['chmod-over', () => chmod(scene.base, 0o640), { base: uri('base.vhd') }],
        ['link-over', () => link(scene.child, join(folder, 'another link')), { base: uri('base.vhd'), verify: 'all' }],
        ['verified', () => chmod(scene.child, 0o600), { verify: 'sent' }, 'read'],
      ];
    for (const [name, touch, options, at = 'put-page'] of touches) {
      notes.length = 0;
      gate.records = [];
      const touched = meddle(touch, at);
      t.equal((await pushed(scene.child, { ...options, to: uri(name) })).outcome, 'pushed', name);
      t.ok(touched.isDone);
      t.equal(notes.filter((note) => note.includes('was touched')).length, 1, notes.join());
      await assertIs(name, scene.child);
      t.ok(
        gate.records.some(({ kind, range }) => kind === 'read' && range && range.offset < scene.content.length),
        'what was sent was fetched',
      );
      gate.records = [];
      t.equal((await pushed(scene.child, { ...options, to: uri(name), verify: undefined })).outcome, 'already-there');
      t.notOk(
        gate.records.some(({ kind, url }) => kind === 'read' && url.includes(`/${name}`)),
        'by its times alone',
      );
    }
  },
);

t.test(
  'files that are touched again and again, also while they are compared: at most three times, then exit code 8',
  async (t) => {
    const { gate, scene, pushed, uri, assertIs, assertUnfinished } = await tornScene(t);
    let mode = 0o600;
    let most = Infinity;
    gate.onRequest = async ({ kind }) => {
      if ((kind === 'put-page' || kind === 'read') && most-- > 0) await chmod(scene.child, (mode ^= 0o040));
      return undefined;
    };
    await t.rejects(pushed(scene.child, { to: uri('restless'), concurrency: 1 }), {
      code: 'source-changed',
      message: /child\.vhd: it is written to, or touched, again and again/,
    });
    await assertUnfinished('restless');
    most = 1;
    let isTorn = false;
    gate.onAnswer = async ({ kind }) => {
      // While the first comparison is under way, what it has compared already becomes another.
      if (kind === 'read' && !isTorn) await rewriteData(scene.base);
      isTorn ||= kind === 'read';
      return undefined;
    };
    await t.rejects(pushed(scene.child, { to: uri('torn-again'), concurrency: 1 }), { code: 'source-changed' });
    gate.onAnswer = () => undefined;
    await pushed(scene.child, { to: uri('torn-again') });
    await assertIs('torn-again', scene.child);
  },
);

t.test(
  'a disk that is rewritten while --verify compares it has changed: it is no fault of the destination',
  async (t) => {
    const { scene, pushed, meddle, uri, assertIs, assertUnfinished } = await tornScene(t);
    meddle(() => rewriteData(scene.base), 'read');
    await t.rejects(pushed(scene.child, { to: uri('compared'), verify: 'sent', concurrency: 1 }), {
      code: 'source-changed',
      message: /base disk\.vhd: it was touched while it was compared with the destination, and differs/,
    });
    await assertUnfinished('compared');
    await pushed(scene.child, { to: uri('compared'), verify: 'sent' });
    await assertIs('compared', scene.child);
    meddle(() => rewriteData(scene.base), 'read');
    await t.rejects(
      pushed(scene.child, { to: uri('compared'), verify: 'sent', concurrency: 1 }),
      { code: 'source-changed' },
      'also what is there already',
    );
  },
);

t.test('what is there already is not taken for a disk that was touched while it was compared', async (t) => {
  const { gate, scene, pushed, uri, assertIs } = await tornScene(t);
  await pushed(scene.child, { to: uri('there') });
  await chmod(scene.child, 0o600);
  // Its times are others, so the digests are computed. At the first look at the blob the disk becomes another one.
  let looks = 0;
  gate.onAnswer = async ({ kind, range }) => {
    if (kind === 'read' && range?.length === 512 && ++looks === 1) await chmod(scene.child, 0o640);
    return undefined;
  };
  t.equal((await pushed(scene.child, { to: uri('there') })).outcome, 'already-there');
  t.equal(looks, 2, 'it is looked at again');
  await assertIs('there', scene.child);
});

t.test(
  'verify: a file that is touched meanwhile is compared again; one that is rewritten is no difference of a mix',
  async (t) => {
    const { gate, options, scene, pushed, uri, meddle } = await tornScene(t);
    await pushed(scene.child, { to: uri('disk') });
    const compared = async () => {
      await using disk = await openDisk(scene.child);
      const notes: string[] = [];
      const result = await verify(disk, uri('disk'), {
        ...options,
        concurrency: 1,
        onEvent: (event) => {
          if (event.type === 'note') notes.push(event.message);
        },
      });
      return { ...result, notes };
    };
    meddle(() => chmod(scene.middle, 0o600), 'page-ranges');
    t.match(await compared(), {
      equal: true,
      contentMd5Check: 'equal',
      treeCheck: 'equal',
      notes: [/mïddle\.vhd was touched: all is compared again/],
    });
    meddle(() => rewriteData(scene.child), 'read');
    const torn = await compared();
    gate.onAnswer = () => undefined;
    t.match(
      await compared(),
      { equal: false, differences: torn.differences },
      'what is told is of the state that is there',
    );
    gate.onAnswer = async ({ kind }) => {
      if (kind === 'page-ranges') await chmod(scene.base, statSync(scene.base).mode ^ 0o040);
      return undefined;
    };
    await t.rejects(compared(), {
      code: 'source-changed',
      message: /base disk\.vhd: it is written to, or touched, again and again/,
      hint: /same command again/,
    });
  },
);

t.test('a change early in a long push ends it long before the end', async (t) => {
  const { folder, gate, pushed, uri } = await stage(t);
  const [size, count] = [512 * MIB, 2048];
  const { path } = await writeImage({
    path: join(folder, 'long.vhd'),
    type: 'dynamic',
    size,
    writes: Array.from({ length: count }, (_, index) => ({ offset: (index * size) / count, data: randomBytes(512) })),
  });
  let puts = 0;
  gate.onRequest = async ({ kind }) => {
    if (kind !== 'put-page' || ++puts !== 20) return undefined;
    const file = await open(path, 'r+');
    await file.write(randomBytes(512), 0, 512, 4 * MIB);
    await file.close();
    await utimes(path, OLD, OLD);
    return undefined;
  };
  await t.rejects(pushed(path, { to: uri('long'), concurrency: 2, contentMd5: 'never', gap: 0 }), {
    code: 'source-changed',
    message: /long\.vhd: it was written to/,
  });
  t.ok(puts >= 20 && puts < count / 2, `${puts} of ${count} requests`);
});
