import { createHash, randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { TreeHasher, leafValues } from '../../src/digest/tree.js';
import type { PushOptions } from '../../src/index.js';
import { bytesOf, factsOf } from './blobs.js';
import type { GateRecord } from './gate.js';
import { contentOfFile } from './pull-scene.js';
import { threeLevels } from './push-scene.js';
import { stage } from './stage.js';
import { makeOld, tear } from './vhd-places.js';

/** A stage, a chain whose files have times that can be put back, and its base pushed. */
export async function tornScene(t: Test) {
  const set = await stage(t);
  const scene = await threeLevels(set.folder);
  for (const path of [scene.base, scene.middle, scene.child]) await makeOld(path);
  await set.pushed(scene.base, { to: set.uri('base.vhd') });
  const notes: string[] = [];
  const pushed = (path: string, more: PushOptions) =>
    set.pushed(path, {
      onEvent: (event) => {
        if (event.type === 'note') notes.push(event.message);
      },
      ...more,
    });
  /** Does it once, when the first request of this kind has come, or was answered. */
  const meddle = (
    what: () => Promise<void>,
    kind: GateRecord['kind'] = 'put-page',
    hook: 'onRequest' | 'onAnswer' = 'onAnswer',
  ) => {
    const state = { isDone: false };
    set.gate[hook] = async (record) => {
      if (record.kind !== kind || state.isDone) return undefined;
      state.isDone = true;
      await what();
      return undefined;
    };
    return state;
  };
  /** What stands at the destination is this disk, and all that vouches for it is true of it. */
  const assertIs = async (name: string, path: string, what = name) => {
    const content = await contentOfFile(path);
    const bytes = await bytesOf(set.container, name);
    t.ok(bytes.subarray(0, -512).equals(content), `${what}: its bytes`);
    const facts = await factsOf(set.container, name);
    const md5 = createHash('md5').update(bytes).digest();
    t.match(
      facts,
      {
        contentMd5: md5.toString('base64'),
        metadata: { vhdup_state: 'complete', vhdup_md5: md5.toString('hex'), vhdup_tree: treeOf(content) },
      },
      `${what}: its digests`,
    );
  };
  const assertUnfinished = async (name: string, what = name) => {
    const facts = await factsOf(set.container, name);
    t.match(facts, { contentMd5: undefined, metadata: { vhdup_state: 'writing' } }, `${what}: nothing vouches for it`);
    t.equal(
      (await bytesOf(set.container, name)).subarray(-512).equals(Buffer.alloc(512)),
      true,
      'and there is no footer',
    );
  };
  return { ...set, scene, notes, pushed, meddle, assertIs, assertUnfinished };
}

/** The tree digest of these bytes, hexadecimal. */
export function treeOf(content: Buffer): string {
  const tree = new TreeHasher(content.length);
  tree.add(0, leafValues(content));
  return tree.digest().toString('hex');
}

/** Other bytes in every block's data, the time of modification put back. */
export const rewriteData = (path: string) =>
  tear(path, async (file, { blocks }) => {
    for (const { position, sectors } of blocks)
      await file.write(randomBytes(sectors * 512), 0, sectors * 512, position);
  });
/** Another sector of the first block is the file's own, far from the others that are. */
export const rewriteBitmap = (path: string) =>
  tear(path, async (file, { bitmaps: [at = 0], blocks }) => {
    await file.write(Buffer.from([0x80]), 0, 1, at + 400);
    await file.write(randomBytes(512), 0, 512, (blocks[0]?.position ?? 0) + 8 * 400 * 512);
  });
