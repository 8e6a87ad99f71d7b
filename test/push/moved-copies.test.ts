import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openDisk, push, type PushOptions, type PushResult } from '../../src/index.js';
import { bytesOf, endBreak } from '../support/blobs.js';
import { stage, type Stage } from '../support/stage.js';

const LEAF = 64 * 1024;
const MIB = 1024 * 1024;

/** v1 with two stretches of noise; v2 has the second one earlier, 300 new bytes, and the rest as it was. */
function pair(): { readonly first: Buffer; readonly second: Buffer; readonly moved: number } {
  const [one, other] = [randomBytes(2 * MIB), randomBytes(MIB)];
  const first = Buffer.alloc(16 * MIB);
  one.copy(first, 0);
  other.copy(first, 8 * MIB);
  const second = Buffer.from(first);
  second.fill(0, 8 * MIB, 9 * MIB);
  other.copy(second, 5 * MIB + LEAF);
  randomBytes(300).copy(second, 12 * MIB);
  return { first, second, moved: MIB };
}

/** Pushes both to a server that copies ranges, as the service does and the emulator does not. */
async function pushPair(
  { folder, gate, container, options, uri }: Stage,
  { first, second }: { readonly first: Buffer; readonly second: Buffer },
  more: PushOptions = {},
): Promise<PushResult> {
  gate.hidesEmulator = true;
  const paths = [join(folder, 'v1.raw'), join(folder, 'v2.raw')] as const;
  await writeFile(paths[0], first);
  await writeFile(paths[1], second);
  await using v1 = await openDisk(paths[0], { format: 'raw' });
  await push(v1, { ...options, to: uri('v1.vhd') });
  await endBreak(container, 'v1.vhd');
  gate.records = [];
  await using v2 = await openDisk(paths[1], { format: 'raw' });
  return await push(v2, { ...options, compare: 'leaves', base: uri('v1.vhd'), to: uri('v2.vhd'), ...more });
}

t.test('what the base has at another place is copied there by the service, and not sent', async (t) => {
  const scene = await stage(t, { copiesRanges: true });
  const { second, ...images } = pair();
  const result = await pushPair(scene, { ...images, second }, { verify: 'all' });
  t.ok((await bytesOf(scene.container, 'v2.vhd')).subarray(0, -512).equals(second));
  t.equal(result.moved, images.moved);
  t.ok(result.sent < 2 * LEAF, `${result.sent} bytes sent`);
  const copies = scene.gate.records.filter(({ kind }) => kind === 'copy-range');
  t.ok(copies.length > 0);
});

t.test('a refusal for good ends the copies, and all is sent', async (t) => {
  const scene = await stage(t, { copiesRanges: true });
  const { second, ...images } = pair();
  scene.gate.rangeCopies = { tokens: new Set(), refuse: () => 'forbidden' };
  const result = await pushPair(scene, { ...images, second });
  t.ok((await bytesOf(scene.container, 'v2.vhd')).subarray(0, -512).equals(second));
  t.equal(result.moved, 0);
  t.ok(result.sent > images.moved);
});

t.test('to a server that copies no ranges all is sent', async (t) => {
  const scene = await stage(t);
  const { second, ...images } = pair();
  const result = await pushPair(scene, { ...images, second });
  t.ok((await bytesOf(scene.container, 'v2.vhd')).subarray(0, -512).equals(second));
  t.equal(result.moved, 0);
});

t.test('a base that changes while ranges are copied ends the push, and no blob is complete', async (t) => {
  const scene = await stage(t, { copiesRanges: true });
  scene.gate.rangeCopies = { tokens: new Set(), refuse: () => 'changed' };
  await t.rejects(pushPair(scene, pair()), { code: 'base-mismatch' });
  const { metadata } = await scene.container.getBlobClient('v2.vhd').getProperties();
  t.equal(metadata?.['vhdup_state'], 'writing');
});
