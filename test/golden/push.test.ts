import { join } from 'node:path';
import t from 'tap';
import { endBreak, hideWrites } from '../support/blobs.js';
import { data, goldenScene, interruptedDisks, single } from './disks.js';
import { expectedFiles } from './expected.js';
import { goldenStage, pinBase, putNumber } from './golden-stage.js';

const compare = expectedFiles(t, 'push');

t.test('what pushes say is as it was', async (t) => {
  const { folder, container, golden, goldens, uri } = await goldenStage(t, compare);
  const { base, middle, child, fixed } = await goldenScene(folder);
  const overBase = ['push', child.path, '--base', uri('base.vhd')];

  await golden(t, 'full-plan', ['push', base.path, '--to', uri('base.vhd'), '--dry-run', '--json']);
  await golden(t, 'full', ['push', base.path, '--to', uri('base.vhd'), '--json']);
  await pinBase(container, 'base.vhd');
  await goldens(t, {
    'full-again-plan': ['push', base.path, '--to', uri('base.vhd'), '--dry-run', '--json'],
    'full-again': ['push', base.path, '--to', uri('base.vhd'), '--json'],
    'over-base-plan': [...overBase, '--dry-run', '--json'],
    'over-base-plan-text': [...overBase, '--dry-run'],
    'by-id': [...overBase, '--base-check', 'id', '--to', uri('by-id'), '--json'],
    'verified-text': ['push', fixed.path, '--to', uri('fixed.vhd'), '--verify=all'],
    'no-md5': ['push', fixed.path, '--to', uri('no-md5'), '--no-md5', '--verify', '--gap', '0B', '--json'],
    sealed: ['push', fixed.path, '--to', uri('sealed'), '--seal', '--json'],
  });
  await golden(t, 'auto', ['push', middle.path, '--base', 'auto', '--to', uri('auto'), '--json']);
  await golden(t, 'over-base', [...overBase, '--json']);
  await endBreak(container, 'child.vhd');
  await goldens(t, {
    'over-base-again-text': overBase,
    'over-sealed': [
      'push',
      fixed.path,
      '--base',
      uri('sealed'),
      '--require-sealed-base',
      '--to',
      uri('over-sealed'),
      '--json',
    ],
  });
});

t.test('what an interrupted and resumed push says is as it was', async (t) => {
  const { folder, golden, goldens, kills, uri } = await goldenStage(t, compare);
  const { root } = await interruptedDisks(folder);
  const args = ['push', root.path, '--to', uri('root.vhd'), '--concurrency', '1', '--json'];
  await kills(args, { request: putNumber(4), moment: 'after' });
  await goldens(t, {
    'interrupted-status': ['status', uri('root.vhd'), '--json'],
    'interrupted-status-text': ['status', uri('root.vhd')],
    'interrupted-info': ['info', uri('root.vhd'), '--json'],
    'interrupted-plan': [...args, '--dry-run'],
    'interrupted-pull': ['pull', uri('root.vhd'), join(folder, 'pulled.vhd'), '--json'],
  });
  await golden(t, 'resumed', args);
});

t.test('what refused pushes say is as it was', async (t) => {
  const { folder, container, env, golden, goldens, kills, pushed, uri } = await goldenStage(t, compare);
  const { base, child, fixed } = await goldenScene(folder);
  await pushed(base.path, { to: uri('base.vhd') });
  await pushed(fixed.path, { to: uri('fixed.vhd') });
  await container.getBlockBlobClient('block').upload('text', 4);
  await container.getPageBlobClient('foreign').create(1024);
  const unrelated = await single(
    { path: join(folder, 'unrelated.vhd'), type: 'dynamic', size: 512 * 4, writes: [data(0, 512)] },
    31,
  );

  const half = ['push', fixed.path, '--to', uri('half')];
  await kills(half, { request: putNumber(1), moment: 'before' });

  await goldens(t, {
    'base-missing': ['push', child.path, '--base', uri('missing'), '--json'],
    'base-unrelated': ['push', unrelated.path, '--base', uri('base.vhd'), '--compare', 'layers', '--json'],
    'base-block-blob': ['push', child.path, '--base', uri('block'), '--json'],
    'base-no-vhd': ['push', child.path, '--base', uri('foreign'), '--json'],
    'base-unsealed': ['push', child.path, '--base', uri('base.vhd'), '--require-sealed-base', '--json'],
    'base-unfinished': ['push', fixed.path, '--base', uri('half'), '--to', uri('other'), '--json'],
    'in-the-way': ['push', child.path, '--to', uri('foreign'), '--json'],
    'in-the-way-text': ['push', child.path, '--to', uri('fixed.vhd')],
    'abort-unasked': ['abort', uri('half'), '--json'],
    'abort-finished': ['abort', uri('fixed.vhd'), '--yes', '--json'],
    'abort-foreign': ['abort', uri('block'), '--yes', '--json'],
    'abort-missing': ['abort', uri('missing'), '--yes', '--json'],
  });
  await container.getBlobClient('base.vhd').setHTTPHeaders({ blobContentMD5: Buffer.alloc(16, 7) });
  await hideWrites(container, 'base.vhd');
  await goldens(t, {
    abort: ['abort', uri('half'), '--yes', '--json'],
    overwritten: ['push', fixed.path, '--to', uri('foreign'), '--overwrite', '--json'],
    'base-changed': ['push', child.path, '--base', uri('base.vhd'), '--json'],
    'base-itself': [
      'push',
      child.path,
      '--base',
      uri('base.vhd'),
      '--base-check',
      'id',
      '--to',
      uri('base.vhd'),
      '--overwrite',
      '--json',
    ],
  });

  const wrongKey = env.AZURE_STORAGE_CONNECTION_STRING.replace(
    /AccountKey=[^;]*/,
    `AccountKey=${Buffer.alloc(64).toString('base64')}`,
  );
  await golden(t, 'not-authorised', ['push', fixed.path, '--to', uri('new'), '--json'], {
    ...env,
    AZURE_STORAGE_CONNECTION_STRING: wrongKey,
  });
});
