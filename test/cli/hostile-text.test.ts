import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { printable, printableLine } from '../../src/cli/output.js';
import { runCli } from '../support/cli.js';
import { manageScene } from '../support/manage-scene.js';

/** Whatever moves a cursor, turns text around or begins a line where none was meant. */
const HOSTILE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const EVIL = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202Egpj.exe\u2066\u200f\u2028\r\nvhdup: all is well\u0085';

t.test('characters that do more than stand there are shown by their number', (t) => {
  t.notMatch(printable(EVIL), HOSTILE);
  t.notMatch(printableLine(EVIL), /\n/);
  t.equal(printableLine('a\nb\u202ec'), 'a\\x0ab\\u202ec');
  t.equal(printable('mïddle.vhd · 日本語 🙂'), 'mïddle.vhd · 日本語 🙂');
  t.end();
});

t.test('what a server says reaches no terminal as it is, starts no line of its own, and breaks no JSON', async (t) => {
  const { gate, scene, uri, options, env } = await manageScene(t);
  const state = { VHDUP_STATE_DIR: options.stateFolder };
  const latin1 = '\u009b31m\u0085evil';
  gate.onRequest = ({ kind }) => {
    if (kind === 'properties') {
      return {
        status: 200,
        headers: {
          etag: '"0x1"',
          'content-length': '1024',
          'x-ms-blob-type': `PageBlob${latin1}`,
          'x-ms-copy-id': 'c',
          'x-ms-copy-status': `failed${latin1}`,
          'x-ms-copy-status-description': latin1,
          'x-ms-lease-state': `leased${latin1}`,
          'x-ms-meta-vhdup_version': '1',
          'x-ms-meta-vhdup_state': 'writing',
          'x-ms-meta-vhdup_fingerprint': latin1,
          'x-ms-meta-vhdup_id': latin1,
          'x-ms-meta-vhdup_base': `https://x/${latin1}`,
          'x-ms-meta-vhdup_holder': latin1,
        },
      };
    }
    return {
      status: 400,
      headers: { 'content-type': 'application/xml' },
      body: `<Error><Code>${EVIL.replaceAll(/[\u0000-\u001f]/g, '\n')}</Code><Message>${EVIL.replaceAll(/[\u0000-\u0008\u000b-\u001f]/g, '\n')}</Message></Error>`,
    };
  };
  const runs = await Promise.all(
    [
      ['status', uri('x')],
      ['status', uri('x'), '--json'],
      ['info', uri('x')],
      ['info', uri('x'), '--json'],
      ['push', scene.child, '--to', uri('x')],
      ['push', scene.child, '--to', uri('x'), '--json'],
      ['abort', uri('x'), '--yes'],
      ['push', scene.child, '--base', 'auto', '--to', uri('x')],
    ].map(async (args) => ({ args, run: await runCli(args, { ...env, ...state }) })),
  );
  for (const {
    args,
    run: { stdout, stderr },
  } of runs) {
    const what = `${args[0] ?? ''} ${args.at(-1) ?? ''}`;
    t.notMatch(stdout + stderr, HOSTILE, what);
    t.notMatch(stdout + stderr, /^vhdup: all is well/m, what);
    if (args.includes('--json')) t.match(JSON.parse(stdout), { vhdup: 2 }, what);
  }
});

t.test('a listing with hostile names and metadata harms no push over --base auto', async (t) => {
  const { gate, scene, uri, container, env } = await manageScene(t);
  await container
    .getPageBlobClient('x\u202e\u009b31m\u2028y')
    .create(scene.content.length + 512, { blobHTTPHeaders: { blobContentMD5: new Uint8Array(16) } });
  await container.getPageBlobClient('liar').create(1024, {
    metadata: { vhdup_version: '1', vhdup_state: 'complete', vhdup_fingerprint: 'f', vhdup_id: scene.ids.base },
  });
  const { exitCode, stdout, stderr } = await runCli(['push', scene.child, '--base', 'auto', '--to', uri('child')], env);
  t.equal(exitCode, 0, stderr);
  t.notMatch(stdout + stderr, HOSTILE);
  t.ok(gate.records.some(({ kind }) => kind === 'list'));
});

t.test(
  "on a terminal too: the live view of a push sends no sequence of the server's",
  { skip: hasScript() ? false : 'no script(1) here' },
  async (t) => {
    const { gate, scene, uri, env } = await manageScene(t);
    gate.onRequest = ({ kind }) =>
      kind === 'create'
        ? {
            status: 400,
            headers: { 'content-type': 'application/xml' },
            body: `<Error><Code>x</Code><Message>\u009b31mOWNED\u202e ${'\u0085'}more</Message></Error>`,
          }
        : undefined;
    const command = `'${process.execPath}' bin/vhdup.js push '${scene.child}' --to '${uri('x')}'`;
    const { stdout } = await promisify(execFile)('script', ['-qec', command, '/dev/null'], {
      env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env },
    }).catch((error: unknown) => error as { stdout: string });
    t.match(stdout, /OWNED/);
    t.notMatch(stdout, /[\u0080-\u009f\u202a-\u202e]/);
  },
);

t.test(
  'abort asks on a terminal, and only yes is an answer',
  { skip: hasScript() ? false : 'no script(1) here' },
  async (t) => {
    const { uri, env, unfinished, container } = await manageScene(t);
    await unfinished('half');
    for (const [answer, isThere] of [
      ['n', true],
      ['', true],
      ['y', false],
    ] as const) {
      const child = execFile(
        'script',
        ['-qec', `'${process.execPath}' bin/vhdup.js abort '${uri('half')}'`, '/dev/null'],
        { env: { PATH: process.env['PATH'] ?? '', TERM: 'dumb', ...env } },
      );
      let output = '';
      let isAnswered = false;
      child.stdout?.on('data', (data: string) => {
        output += data;
        if (isAnswered || !output.includes('[y/N]')) return;
        isAnswered = true;
        child.stdin?.write(`${answer}\n`);
      });
      await new Promise((resolve) => child.on('exit', resolve));
      t.match(output, /delete .*half.*unfinished push \(writing\)/s);
      t.equal(await container.getBlobClient('half').exists(), isThere, `answer "${answer}"`);
    }
  },
);

function hasScript(): boolean {
  try {
    return /util-linux/.test(execFileSync('script', ['--version'], { encoding: 'utf8' }));
  } catch {
    return false;
  }
}
