import { join } from 'node:path';
import t from 'tap';
import { KIB, MIB, data, goldenScene, interruptedDisks, single, type GoldenDisk } from './disks.js';
import { expectedFiles } from './expected.js';
import { goldenStage, pinBase, putNumber, type GoldenStage } from './golden-stage.js';
import { marksOf } from './marks.js';
import { normalised } from './normalise.js';

const compare = expectedFiles(t, 'marks');

async function compareMarks(
  t: Parameters<typeof compare>[0],
  file: string,
  { container, places }: GoldenStage,
  name: string,
): Promise<void> {
  compare(t, file, normalised(await marksOf(container, name), places));
}

t.test('the marks of a full push are as they were, unfinished and finished', async (t) => {
  const set = await goldenStage(t, compare);
  const { root } = await interruptedDisks(set.folder);
  const args = ['push', root.path, '--to', set.uri('root'), '--concurrency', '1'];
  await set.kills(args, { request: putNumber(1), moment: 'before' });
  await compareMarks(t, 'full-empty', set, 'root');
  await set.kills(args, { request: putNumber(1), moment: 'after' });
  await compareMarks(t, 'full-writing', set, 'root');
  await set.pushed(root.path, { to: set.uri('root') });
  await compareMarks(t, 'full-complete', set, 'root');
});

t.test('the marks of a push over a base are as they were, unfinished and finished', async (t) => {
  const set = await goldenStage(t, compare);
  const { base, child } = await goldenScene(set.folder);
  await set.pushed(base.path, { to: set.uri('base') });
  await pinBase(set.container, 'base');
  const args = ['push', child.path, '--base', set.uri('base'), '--to', set.uri('child'), '--concurrency', '1'];
  await set.kills(args, { request: ({ kind }) => kind === 'clear-pages', moment: 'before' });
  await compareMarks(t, 'over-base-clearing', set, 'child');
  await set.kills(args, { request: putNumber(1), moment: 'after' });
  await compareMarks(t, 'over-base-writing', set, 'child');
  await set.pushed(child.path, { base: set.uri('base'), to: set.uri('child') });
  await compareMarks(t, 'over-base-complete', set, 'child');
});

t.test('the marks of pushes with other flags are as they were', async (t) => {
  const set = await goldenStage(t, compare);
  const { base, middle, child, fixed } = await goldenScene(set.folder);
  await set.pushed(base.path, { to: set.uri('base') });
  await pinBase(set.container, 'base');
  const over = { base: set.uri('base') };
  await set.pushed(middle.path, { ...over, to: set.uri('by-id'), baseCheck: 'id' });
  await set.pushed(middle.path, { ...over, to: set.uri('by-md5'), baseCheck: 'md5' });
  await set.pushed(child.path, { ...over, to: set.uri('gap'), gap: 245 * KIB });
  await set.pushed(fixed.path, { to: set.uri('no-md5'), contentMd5: 'never' });
  for (const name of ['by-id', 'by-md5', 'gap', 'no-md5']) await compareMarks(t, name, set, name);
});

t.test('tree digests, MD5s and fingerprints of disks are as they were', async (t) => {
  const { folder, container, pushed, uri } = await goldenStage(t, compare);
  let number = 100;
  const disk = (
    name: string,
    type: 'fixed' | 'dynamic',
    size: number,
    writes: Parameters<typeof single>[0]['writes'],
    blockSize?: number,
  ) =>
    single(
      { path: join(folder, `${name}.vhd`), type, size, writes, ...(blockSize === undefined ? {} : { blockSize }) },
      number++,
    );
  const { base, middle, child, fixed } = await goldenScene(folder);
  const disks: Readonly<Record<string, GoldenDisk>> = {
    'one sector': await disk('sector', 'fixed', 512, [data(0, 512)]),
    'one leaf': await disk('leaf', 'fixed', 64 * KIB, [data(512, 1024)]),
    'a leaf cut short': await disk('cut', 'dynamic', 64 * KIB + 512, [data(0, 512), data(64 * KIB, 512)]),
    zeros: await disk('zeros', 'dynamic', 3 * MIB, []),
    'zeros that are allocated': await disk('allocated', 'dynamic', 3 * MIB, [{ offset: MIB, data: Buffer.alloc(MIB) }]),
    'one node': await disk('node', 'dynamic', 16 * MIB, [data(0, 512), data(16 * MIB - 512, 512)]),
    'one leaf more than a node': await disk('more', 'dynamic', 16 * MIB + 512, [
      data(5 * MIB, 512),
      data(16 * MIB, 512),
    ]),
    'three nodes, the middle one zero': await disk(
      'three',
      'dynamic',
      40 * MIB,
      [data(MIB, 130 * KIB), data(39 * MIB, 512)],
      512 * KIB,
    ),
    'a base': base,
    'its child': middle,
    'its grandchild': child,
    'a fixed disk': fixed,
  };
  const found: Record<string, object> = {};
  for (const [index, [name, { path }]] of Object.entries(disks).entries()) {
    await pushed(path, { to: uri(`disk-${index}`) });
    const { metadata = {} } = await container.getBlobClient(`disk-${index}`).getProperties();
    found[name] = {
      tree: metadata['vhdup_tree'],
      md5: metadata['vhdup_md5'],
      fingerprint: metadata['vhdup_fingerprint'],
    };
  }
  compare(t, 'digests', found);
});
