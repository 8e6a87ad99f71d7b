import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { hideWrites } from '../support/blobs.js';
import { goldenScene } from './disks.js';
import { expectedFiles } from './expected.js';
import { goldenStage, pinBase, putNumber } from './golden-stage.js';

const compare = expectedFiles(t, 'blob');

t.test('what pulls say is as it was', async (t) => {
  const { folder, container, golden, goldens, pushed, uri } = await goldenStage(t, compare);
  const { base, child } = await goldenScene(folder);
  await pushed(base.path, { to: uri('base.vhd') });
  await pushed(child.path, { base: uri('base.vhd') });
  const out = (name: string) => join(folder, name);

  await writeFile(out('there.vhd'), 'something else');
  await goldens(t, {
    pull: ['pull', uri('child.vhd'), out('dynamic.vhd'), '--json'],
    'pull-fixed-text': ['pull', uri('child.vhd'), out('fixed-copy.vhd'), '--format', 'fixed'],
    'pull-raw': ['pull', uri('child.vhd'), out('raw.img'), '--format', 'raw', '--json'],
    'pull-onto': ['pull', uri('child.vhd'), out('onto.vhd'), '--onto', base.path, '--json'],
    'pull-in-the-way': ['pull', uri('child.vhd'), out('there.vhd'), '--json'],
    'pull-missing': ['pull', uri('missing'), out('missing.vhd'), '--json'],
  });
  await goldens(t, {
    'pull-again': ['pull', uri('child.vhd'), out('dynamic.vhd'), '--json'],
    'pull-over': ['pull', uri('child.vhd'), out('there.vhd'), '--overwrite', '--no-check-md5', '--json'],
    'pulled-info': ['info', out('onto.vhd'), '--json'],
  });
  await hideWrites(container, 'child.vhd');
  await container.getBlobClient('child.vhd').setHTTPHeaders({ blobContentMD5: Buffer.alloc(16, 7) });
  await golden(t, 'pull-differing', ['pull', uri('child.vhd'), out('differing.vhd'), '--json']);
});

t.test('what comparisons say is as it was', async (t) => {
  const { folder, container, goldens, pushed, uri } = await goldenStage(t, compare);
  const { base, child, fixed } = await goldenScene(folder);
  await pushed(base.path, { to: uri('base.vhd') });
  await goldens(t, {
    verify: ['verify', base.path, uri('base.vhd'), '--json'],
    'verify-shallow': ['verify', base.path, uri('base.vhd'), '--deep=false', '--json'],
    'verify-text': ['verify', base.path, uri('base.vhd')],
    'verify-other-disk': ['verify', child.path, uri('base.vhd'), '--json'],
    'verify-other-size': ['verify', fixed.path, uri('base.vhd'), '--json'],
    'verify-missing': ['verify', fixed.path, uri('missing'), '--json'],
  });
  const blob = container.getPageBlobClient('base.vhd');
  await blob.uploadPages(Buffer.alloc(1024, 1), 4096, 1024);
  await blob.uploadPages(Buffer.alloc(512, 1), 7 * 1024 * 1024, 512);
  await hideWrites(container, 'base.vhd');
  await goldens(t, {
    'verify-differing': ['verify', base.path, uri('base.vhd'), '--json'],
    'verify-differing-text': ['verify', base.path, uri('base.vhd')],
    'verify-differing-shallow': ['verify', base.path, uri('base.vhd'), '--deep=false', '--json'],
  });
});

t.test('what is said of blobs, and seals, is as it was', async (t) => {
  const { folder, container, goldens, pushed, uri } = await goldenStage(t, compare);
  const { base, child } = await goldenScene(folder);
  await pushed(base.path, { to: uri('base.vhd') });
  await pinBase(container, 'base.vhd');
  await pushed(child.path, { base: uri('base.vhd') });
  await container.getBlockBlobClient('block').upload('text', 4);
  await container.getPageBlobClient('foreign').create(1024);
  await container.getPageBlobClient('elsewhere').create(1024, { metadata: { diskmetadata: '{}' } });
  await container
    .getPageBlobClient('later')
    .create(1024, { metadata: { vhdup_version: '9', vhdup_state: 'complete' } });
  const names = ['base.vhd', 'child.vhd', 'block', 'foreign', 'elsewhere', 'later', 'missing'];
  const runs = names.flatMap((name) =>
    ['info', 'status'].map((command) => [`${command}-${name}`, [command, uri(name), '--json']] as const),
  );
  const texts = ['info', 'status'].map((command) => [`${command}-text`, [command, uri('child.vhd')]] as const);
  await goldens(t, Object.fromEntries([...runs, ...texts]));
});

t.test('what is said of seals is as it was', async (t) => {
  const { folder, container, golden, goldens, kills, pushed, uri } = await goldenStage(t, compare);
  const { fixed } = await goldenScene(folder);
  await pushed(fixed.path, { to: uri('fixed.vhd') });
  await pushed(fixed.path, { to: uri('other') });
  await container.getBlobClient('other').getBlobLeaseClient().acquireLease(-1);
  await container.getBlockBlobClient('block').upload('text', 4);
  await container.getPageBlobClient('foreign').create(1024);
  await container.getPageBlobClient('elsewhere').create(1024, { metadata: { diskmetadata: '{}' } });
  await kills(['push', fixed.path, '--to', uri('half')], { request: putNumber(1), moment: 'before' });

  await golden(t, 'seal', ['seal', uri('fixed.vhd'), '--json']);
  await goldens(t, {
    'seal-again': ['seal', uri('fixed.vhd'), '--json'],
    'sealed-status': ['status', uri('fixed.vhd'), '--json'],
    'sealed-info': ['info', uri('fixed.vhd'), '--json'],
    'seal-half': ['seal', uri('half'), '--json'],
    'seal-foreign': ['seal', uri('foreign'), '--json'],
    'seal-block': ['seal', uri('block'), '--json'],
    'seal-unfinished-elsewhere': ['seal', uri('elsewhere'), '--json'],
    'seal-missing': ['seal', uri('missing'), '--json'],
    'sealed-elsewhere-status': ['status', uri('other'), '--json'],
    'unseal-elsewhere': ['unseal', uri('other'), '--json'],
  });
  await golden(t, 'unseal', ['unseal', uri('fixed.vhd'), '--json']);
  await golden(t, 'unseal-again', ['unseal', uri('fixed.vhd'), '--json']);
});
