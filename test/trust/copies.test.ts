import { join } from 'node:path';
import t from 'tap';
import { containerOf, factsOf } from '../support/blobs.js';
import { runCli, startCli } from '../support/cli.js';
import { smallScene } from './small-scene.js';

t.test('a copy that takes its time is waited for', async (t) => {
  const { gate, pushed, assertPushed } = await smallScene(t);
  gate.copies = { polls: 3, end: 'success' };
  t.match(await pushed('slow'), { outcome: 'pushed' });
  const looks = gate.records
    .slice(gate.records.findIndex(({ kind }) => kind === 'copy'))
    .filter(({ kind }) => kind === 'properties');
  t.ok(looks.length >= 4, 'it was looked after');
  await assertPushed('slow');
});

t.test('a copy that fails ends the push; the same call makes it again', async (t) => {
  const { gate, pushed, endOf, assertPushed, assertHonest } = await smallScene(t);
  gate.copies = { polls: 1, end: 'failed' };
  t.equal(await endOf(pushed('failing'), 'failing'), 'transfer-failed');
  await assertHonest('failing', 'after the failed copy');
  gate.copies = undefined;
  await pushed('failing');
  await assertPushed('failing');
});

t.test(
  'a base that changes while it is copied: the push says so, and nothing of it is taken for the disk',
  async (t) => {
    const { gate, container, pushed, uri, endOf, assertHonest } = await smallScene(t);
    gate.copies = { polls: 1, end: 'success' };
    gate.onAnswer = async ({ kind }) => {
      if (kind === 'copy') await container.getPageBlobClient('base').uploadPages(Buffer.alloc(512, 1), 0, 512);
      return undefined;
    };
    await t.rejects(pushed('torn'), {
      code: 'base-mismatch',
      message: /changed while it was copied/,
      hint: /`overwrite`/,
    });
    await assertHonest('torn', 'after the torn copy');
    gate.copies = undefined;
    gate.onAnswer = () => undefined;
    t.equal(await endOf(pushed('torn'), 'the base is another one now'), 'destination-exists');
    await pushed('torn', { base: undefined, to: uri('torn'), overwrite: true });
  },
);

t.test('Ctrl-C while a copy is pending aborts it, exit code 130; the same command starts it again', async (t) => {
  const { gate, folder, child, uri, container, assertPushed, assertHonest } = await smallScene(t);
  const env = { ...gate.env, VHDUP_STATE_DIR: join(folder, 'state') };
  const args = ['push', child, '--base', uri('base'), '--to', uri('interrupted')];
  gate.copies = { polls: Infinity, end: 'success' };
  const run = startCli(args, env);
  gate.onAnswer = ({ kind, url, index }) => {
    if (
      kind === 'properties' &&
      url.includes('interrupted') &&
      gate.records.some((record) => record.kind === 'copy' && record.index < index)
    )
      run.child.kill('SIGINT');
  };
  const { exitCode, stderr } = await run.ended;
  t.equal(exitCode, 130, stderr);
  t.ok(
    gate.records.some(({ kind, status }) => kind === 'abort-copy' && status === 204),
    'the copy was aborted',
  );
  t.equal((await factsOf(container, 'interrupted'))?.size, 0);
  await assertHonest('interrupted', 'after the abort');
  gate.copies = undefined;
  gate.onAnswer = () => undefined;
  t.equal((await runCli(args, env)).exitCode, 0);
  await assertPushed('interrupted');
});

t.test('--overwrite aborts a copy that is pending at the destination; without it nothing is touched', async (t) => {
  const { gate, container, pushed, uri, endOf, assertPushed } = await smallScene(t);
  const foreign = container.getPageBlobClient('another');
  await foreign.create(4096);
  gate.copies = { polls: 20, end: 'success' };
  const through = await containerOf(gate, 'vhds');
  await through.getPageBlobClient('taken').beginCopyFromURL(uri('another'));
  gate.copies = undefined;
  await t.rejects(pushed('taken'), { code: 'destination-exists', message: /being copied there/ });
  t.notOk(gate.records.some(({ kind }) => kind === 'abort-copy'));
  t.equal(await endOf(pushed('taken', { overwrite: true }), 'overwrite'), 'none');
  t.ok(gate.records.some(({ kind, status }) => kind === 'abort-copy' && status === 204));
  await assertPushed('taken');
});

t.test('--overwrite also where the copy ends just before it is aborted', async (t) => {
  const { gate, container, pushed, uri, assertPushed } = await smallScene(t);
  await container.getPageBlobClient('another').create(4096);
  gate.copies = { polls: 3, end: 'success' };
  const through = await containerOf(gate, 'vhds');
  const taken = through.getPageBlobClient('taken');
  await taken.beginCopyFromURL(uri('another'));
  gate.copies = undefined;
  gate.onRequest = async ({ kind }) => {
    if (kind !== 'abort-copy') return undefined;
    for (let look = 0; look < 4; look++) await taken.getProperties();
    return undefined;
  };
  await pushed('taken', { overwrite: true });
  t.ok(gate.records.some(({ kind, status }) => kind === 'abort-copy' && status === 409));
  await assertPushed('taken');
});
