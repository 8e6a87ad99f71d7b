import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { flatten, writeImage } from '../../fixtures/vhd.js';
import { startAzurite } from '../support/azurite.js';
import { containerOf, pagesOf } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';
import { startGate } from '../support/gate.js';

const SIZE = 256 * 1024 ** 2;

t.test(
  '1,000 scattered sectors over a base of 256 MiB: no more is sent than the plan says, and the base is copied',
  async (t) => {
    const folder = await temporaryFolder(t);
    const azurite = await startAzurite();
    const gate = await startGate(azurite);
    t.teardown(() => azurite.stop());
    t.teardown(() => gate.stop());
    const container = await containerOf(azurite, 'vhds');
    const baseWrites = Array.from({ length: 16 }, (_, index) => ({
      offset: index * 16 * 1024 * 1024,
      data: randomBytes(1024 * 1024),
    }));
    const childWrites = Array.from({ length: 1000 }, () => ({
      offset: randomInt(SIZE / 512) * 512,
      data: randomBytes(512),
    }));
    const base = await writeImage({ path: join(folder, 'base.vhd'), type: 'fixed', size: SIZE, writes: baseWrites });
    const child = await writeImage({
      path: join(folder, 'child.vhd'),
      type: 'differencing',
      size: SIZE,
      parent: base,
      writes: childWrites,
    });
    const env = { ...gate.env, VHDUP_STATE_DIR: join(folder, 'state') };
    const uri = `${gate.url}/vhds/base.vhd`;
    t.equal((await runCli(['push', base.path, '--to', uri], env)).exitCode, 0);

    const planned = await runCli(['push', child.path, '--base', uri, '--dry-run', '--json'], env);
    const { totals, copied } = JSON.parse(planned.stdout) as {
      totals: { send: number; gaps: number; requests: number };
      copied: number;
    };
    gate.records.length = 0;
    const pushed = await runCli(['push', child.path, '--base', uri, '--json'], env);
    t.equal(pushed.exitCode, 0, pushed.stderr);
    const sent = gate.records
      .filter(({ kind }) => kind === 'put-page')
      .reduce((sum, { bodyLength }) => sum + bodyLength, 0);
    t.ok(sent <= totals.send, `${sent} bytes of at most ${totals.send}, ${totals.gaps} of them to save requests`);
    t.equal(sent, (JSON.parse(pushed.stdout) as { sent: number }).sent);
    t.equal(copied, SIZE + 512);
    t.ok(
      gate.records.some(({ kind }) => kind === 'copy'),
      'the service copied the base',
    );
    t.ok(gate.records.length < totals.requests + 40, `${gate.records.length} requests`);
    const expected = flatten([
      { size: SIZE, writes: baseWrites },
      { size: SIZE, writes: childWrites },
    ]);
    t.ok((await pagesOf(container, 'child.vhd')).subarray(0, -512).equals(expected));
  },
);
