import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { flatten, writeImage } from '../../fixtures/vhd.js';
import { PullOutput } from '../../src/pull/output.js';
import { readPullRecord, writePullRecord } from '../../src/pull/record.js';
import { allocatedIn } from '../support/blobs.js';
import { runCli, startCli } from '../support/cli.js';
import type { GateRecord } from '../support/gate.js';
import { contentOfFile, pullScene } from '../support/pull-scene.js';

const MIB = 1024 * 1024;
const SIZE = 66 * MIB;
const RECORD_EVERY = 16 * MIB;
const CONCURRENCY = 2;

/** A base with much data, and a child of it, both pushed. */
async function largeScene(t: Test) {
  const pulls = await pullScene(t);
  const { folder, pushed, uri } = pulls;
  const baseWrites = [{ offset: 2 * MIB, data: randomBytes(64 * MIB) }];
  const childWrites = [
    { offset: MIB, data: randomBytes(512) },
    { offset: 32 * MIB + 512, data: randomBytes(3 * MIB) },
    { offset: 50 * MIB, data: Buffer.alloc(MIB) },
  ];
  const base = await writeImage({
    path: join(folder, 'large base.vhd'),
    type: 'dynamic',
    size: SIZE,
    writes: baseWrites,
  });
  const child = await writeImage({
    path: join(folder, 'large child.vhd'),
    type: 'differencing',
    size: SIZE,
    parent: base,
    writes: childWrites,
  });
  await pushed(base.path, { to: uri('base') });
  await pushed(child.path, { to: uri('child'), base: uri('base') });
  return {
    ...pulls,
    base: base.path,
    content: flatten([
      { size: SIZE, writes: baseWrites },
      { size: SIZE, writes: childWrites },
    ]),
  };
}

/** Bytes of content that were asked for; the footer lies behind them. */
function readIn(records: readonly GateRecord[]): number {
  return contentReads(records).reduce((sum, { length }) => sum + length, 0);
}

function contentReads(records: readonly GateRecord[]): { offset: number; length: number }[] {
  return records.flatMap(({ kind, range, status }) =>
    kind === 'read' && range && range.offset < SIZE && status === 206 ? [range] : [],
  );
}

t.test(
  'killed at any point, the same command resumes: equal bytes, no half file under the name, few bytes fetched twice',
  async (t) => {
    const { folder, gate, container, uri, base, content } = await largeScene(t);
    const allocated = await allocatedIn(container, 'child');
    for (const { at, flags, read } of [
      { at: 1, flags: [], read: contentOfFile },
      { at: 6, flags: ['--onto', base], read: contentOfFile },
      { at: 15, flags: ['--onto', base], read: contentOfFile },
      { at: 15, flags: ['--format', 'raw'], read: readFile },
    ]) {
      const out = join(folder, `killed ${at}${flags.join('').replaceAll('/', '_').slice(0, 12)}.vhd`);
      const args = ['pull', uri('child'), out, ...flags, '--concurrency', String(CONCURRENCY), '--json'];
      const first = startCli(args, gate.env);
      gate.records = [];
      let reads = 0;
      gate.onAnswer = ({ kind }) => {
        if (kind !== 'read' || ++reads < at) return undefined;
        first.child.kill('SIGKILL');
        return 'drop';
      };
      t.equal((await first.ended).signal, 'SIGKILL');
      await gate.idle();
      const before = readIn(gate.records);
      gate.records = [];
      gate.onAnswer = () => undefined;
      await t.rejects(stat(out), { code: 'ENOENT' }, 'nothing has the name');
      const resumed = await runCli(args, gate.env);
      t.equal(resumed.exitCode, 0, resumed.stdout + resumed.stderr);
      const result = JSON.parse(resumed.stdout) as { outcome: string; checked: string; fetched: number };
      t.match(result, { checked: 'md5', outcome: at > 10 ? 'resumed' : 'pulled' }, `after read ${at}`);
      t.equal(readIn(gate.records), result.fetched);
      t.ok(
        before + result.fetched <= allocated + 2 * RECORD_EVERY + (CONCURRENCY + 1) * 4 * MIB,
        `${before} and ${result.fetched} bytes of ${allocated}`,
      );
      t.ok((await read(out)).equals(content), `equal bytes after a kill at read ${at} ${flags.join(' ')}`);
      t.equal(await stat(`${out}.vhdup-record`).catch(() => undefined), undefined, 'the record is gone');
    }
  },
);

t.test('Ctrl-C keeps all that was fetched: exit code 130, and nothing is fetched twice', async (t) => {
  const { folder, gate, uri, content } = await largeScene(t);
  const out = join(folder, 'out.vhd');
  const args = ['pull', uri('child'), out, '--concurrency', String(CONCURRENCY), '--json'];
  const first = startCli(args, gate.env);
  gate.records = [];
  let reads = 0;
  gate.onAnswer = ({ kind }) => {
    if (kind === 'read' && ++reads === 5) first.child.kill('SIGINT');
    return undefined;
  };
  t.equal((await first.ended).exitCode, 130);
  const { mode } = await stat(`${out}.vhdup-record`);
  t.equal(mode & 0o777, 0o600, 'the record is for its owner only');
  const done = contentReads(gate.records);
  t.ok(done.length >= 4);
  gate.records = [];
  gate.onAnswer = () => undefined;
  const { exitCode, stdout } = await runCli(args, gate.env);
  t.equal(exitCode, 0);
  t.match(JSON.parse(stdout), { outcome: 'resumed', checked: 'md5' });
  t.notOk(
    contentReads(gate.records).some(({ offset }) => done.some((other) => other.offset === offset)),
    'nothing twice',
  );
  t.ok((await contentOfFile(out)).equals(content));
});

t.test('a disk that is full, or a limit, is told as such; with room made the same command resumes', async (t) => {
  const { folder, env, uri, content, pulled } = await largeScene(t);
  const out = join(folder, 'limited.vhd');
  // The limit is in KiB: a real write fails with EFBIG.
  const bin = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));
  const child = spawn(
    'bash',
    [
      '-c',
      'ulimit -f 45056; exec "$@"',
      'bash',
      process.execPath,
      bin,
      'pull',
      uri('child'),
      out,
      '--json',
      '--concurrency',
      '2',
    ],
    { env: { PATH: process.env['PATH'] ?? '', ...env }, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const [stdout, [exitCode, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  t.equal(signal, null);
  t.equal(exitCode, 7);
  t.match(JSON.parse(stdout), {
    error: { code: 'output-unwritable', message: /so large/, hint: /run the command again/ },
  });
  const { outcome, fetched } = await pulled('child', out);
  t.equal(outcome, 'resumed');
  t.ok(fetched < SIZE - MIB, `what was durable before stays: ${fetched}`);
  t.ok((await contentOfFile(out)).equals(content));

  const small = join(folder, 'small');
  await mkdir(small);
  const isMounted =
    process.platform === 'linux' &&
    process.getuid?.() === 0 &&
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', small]).status === 0;
  if (!isMounted) return void t.comment('no tmpfs may be mounted here: ENOSPC is left out');
  try {
    await t.rejects(pulled('child', join(small, 'out.vhd'), { recordEvery: 8 * MIB, concurrency: 1 }), {
      code: 'output-unwritable',
      message: /no space is left/,
      hint: /make room/,
    });
    t.equal(spawnSync('mount', ['-o', 'remount,size=256m', small]).status, 0);
    const resumed = await pulled('child', join(small, 'out.vhd'));
    t.match(resumed, { outcome: 'resumed', checked: 'md5' });
    t.ok(resumed.fetched < SIZE - 16 * MIB, `${resumed.fetched} bytes fetched after room was made`);
  } finally {
    spawnSync('umount', [small]);
  }
});

t.test(
  'a blob that changes while it is pulled: exit code 8 in words, and the next run starts again and says so',
  async (t) => {
    const { folder, gate, container, scene, pushed, pulled, uri } = await pullScene(t);
    await pushed(scene.child, { to: uri('disk') });
    const out = join(folder, 'out.vhd');
    let reads = 0;
    gate.onRequest = async ({ kind }) => {
      if (kind === 'read' && ++reads === 3) await container.getPageBlobClient('disk').setMetadata({ touched: 'yes' });
      return undefined;
    };
    await t.rejects(pulled('disk', out, { concurrency: 1, recordEvery: 512 }), {
      code: 'source-changed',
      message: /changed while it was pulled/,
      hint: /same command again/,
    });
    gate.onRequest = () => undefined;
    const { outcome, warnings } = await pulled('disk', out);
    t.equal(outcome, 'pulled');
    t.match(warnings, [{ code: 'pull-restarted', message: /starts again: the blob has changed since/ }]);
    t.ok((await contentOfFile(out)).equals(scene.content));
  },
);

t.test(
  'what was begun otherwise is not gone on with: another format, another ancestor, a file cut short, a record that is damaged',
  async (t) => {
    const { folder, gate, scene, pushed, pulled, uri } = await pullScene(t);
    await pushed(scene.base, { to: uri('base') });
    await pushed(scene.child, { to: uri('disk'), base: uri('base') });
    const out = join(folder, 'out.vhd');
    const { recordPath } = new PullOutput(out, false);
    const begin = async (options: Parameters<typeof pulled>[2]) => {
      let reads = 0;
      gate.onRequest = ({ kind }) => (kind === 'read' && ++reads === 4 ? { status: 403 } : undefined);
      await t.rejects(pulled('disk', out, { concurrency: 1, recordEvery: 512, overwrite: true, ...options }), {
        code: 'not-authorised',
      });
      gate.onRequest = () => undefined;
    };
    const finish = async (options: Parameters<typeof pulled>[2], outcome: string, warning?: RegExp) => {
      const result = await pulled('disk', out, { overwrite: true, ...options });
      t.equal(result.outcome, outcome, String(warning));
      if (warning)
        t.ok(
          result.warnings.some(({ message }) => warning.test(message)),
          String(warning),
        );
      t.ok((options?.format === 'raw' ? await readFile(out) : await contentOfFile(out)).equals(scene.content));
    };
    await begin({});
    await finish({}, 'resumed');
    await begin({ format: 'raw' });
    await finish({ format: 'raw' }, 'resumed');
    await begin({ onto: scene.middle });
    await finish({ onto: scene.middle }, 'resumed');
    await begin({});
    await finish({ format: 'raw' }, 'pulled', /another format/);
    await begin({ onto: scene.middle });
    await finish({ onto: scene.base }, 'pulled', /ancestor is another one/);
    await begin({ format: 'raw' });
    await truncate(join(folder, (await readPullRecord(recordPath))?.part ?? ''), 4096);
    await finish({ format: 'raw' }, 'pulled', /its file was cut/);
    await begin({});
    await writeFile(recordPath, (await readFile(recordPath, 'utf8')).replace(/"below":\d+/, '"below":9999999'));
    await finish({}, 'pulled');
  },
);

t.test('a run killed after the file got its name finds it; another file of that name is still refused', async (t) => {
  const { folder, gate, scene, pushed, pulled, uri } = await pullScene(t);
  await pushed(scene.base, { to: uri('disk') });
  const out = join(folder, 'out.vhd');
  const output = new PullOutput(out, false);
  let reads = 0;
  gate.onRequest = ({ kind }) => (kind === 'read' && ++reads === 3 ? { status: 403 } : undefined);
  await t.rejects(pulled('disk', out, { concurrency: 1, recordEvery: 512 }), { code: 'not-authorised' });
  gate.onRequest = () => undefined;
  const record = await readPullRecord(output.recordPath);
  if (!record) throw new Error('no record');
  await pulled('disk', out);
  const identity = (await output.identityOf(out)) ?? null;
  await writePullRecord(output.recordPath, { ...record, state: 'ready', identity });
  gate.records = [];
  t.match(await pulled('disk', out), { outcome: 'resumed', checked: 'md5', fetched: 0 });
  t.equal(gate.records.filter(({ kind }) => kind === 'read').length, 1, 'the footer alone was read');
  await writePullRecord(output.recordPath, { ...record, state: 'ready', identity });
  await writeFile(out, 'another file');
  await t.rejects(pulled('disk', out), { code: 'destination-exists' });
});

t.test('two pulls to one output: the second is refused while the first runs', async (t) => {
  const { folder, gate, scene, pushed, pulled, uri } = await pullScene(t);
  await pushed(scene.base, { to: uri('disk') });
  const out = join(folder, 'out.vhd');
  let isTried = false;
  gate.onRequest = async ({ kind }) => {
    if (kind !== 'page-ranges' || isTried) return undefined;
    isTried = true;
    await t.rejects(pulled('disk', out), { code: 'destination-busy' });
    t.equal((await runCli(['pull', uri('disk'), out], gate.env)).exitCode, 5, 'also from another process');
    return undefined;
  };
  await pulled('disk', out);
  t.ok(isTried);
  t.ok((await contentOfFile(out)).equals(scene.baseContent));
});

t.test('an ancestor that is written to while a disk is pulled onto it ends the pull, without a file', async (t) => {
  const { folder, gate, scene, pushed, pulled, uri } = await pullScene(t);
  await pushed(scene.child, { to: uri('disk') });
  const out = join(folder, 'out.vhd');
  gate.onRequest = async ({ kind }) => {
    if (kind === 'page-ranges') await writeFile(scene.base, await readFile(scene.base));
    return undefined;
  };
  await t.rejects(pulled('disk', out, { onto: scene.middle }), { code: 'source-changed', message: /base disk\.vhd/ });
  await t.rejects(stat(out), { code: 'ENOENT' });
  gate.onRequest = () => undefined;
  t.match(await pulled('disk', out, { onto: scene.middle }), {
    outcome: 'pulled',
    checked: 'md5',
    warnings: [{ code: 'pull-restarted', message: /ancestor is another one, or was changed/ }],
  });
});

t.test(
  'an ancestor that is only touched while a disk is pulled onto it ends the pull too: it may have been rewritten',
  async (t) => {
    const { folder, gate, scene, pushed, pulled, uri } = await pullScene(t);
    await pushed(scene.child, { to: uri('disk') });
    const out = join(folder, 'out.vhd');
    gate.onRequest = async ({ kind }) => {
      if (kind === 'page-ranges') await chmod(scene.base, 0o600);
      return undefined;
    };
    await t.rejects(pulled('disk', out, { onto: scene.middle }), {
      code: 'source-changed',
      message: /base disk\.vhd: it was touched/,
      hint: /starts from the beginning/,
    });
    await t.rejects(stat(out), { code: 'ENOENT' });
  },
);

t.test(
  'trouble that passes is got over: errors of the server, answers cut short, connections that are reset',
  async (t) => {
    const { folder, gate, scene, pushed, pulled, uri } = await pullScene(t);
    await pushed(scene.child, { to: uri('disk') });
    const short = {
      status: 206,
      headers: { 'content-length': '4096', connection: 'close', etag: '"0x1"' },
      body: 'abc',
    };
    const whole = { status: 206, headers: { 'content-length': '3', etag: '"0x1"' }, body: 'abc' };
    for (const [name, fault] of [
      ['500', { status: 500 }],
      ['503', { status: 503 }],
      ['reset', 'drop'],
      ['cut short', short],
      ['too short', whole],
    ] as const) {
      const seen = new Map<string, number>();
      gate.onRequest = ({ kind, url, headers }) => {
        const key = `${kind} ${url} ${String(headers['x-ms-range'])}`;
        seen.set(key, (seen.get(key) ?? 0) + 1);
        const isRead = kind === 'read';
        return seen.get(key) === 1 && (isRead || typeof fault === 'string' || fault.status >= 500) ? fault : undefined;
      };
      const out = join(folder, `${name}.vhd`);
      t.match(await pulled('disk', out), { checked: 'md5' }, name);
      t.ok((await contentOfFile(out)).equals(scene.content), name);
    }
  },
);
