import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { startCli } from '../support/cli.js';
import { manageScene } from '../support/manage-scene.js';

const BIN = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));
const skip = hasScript() ? false : 'no script(1) here';

function hasScript(): boolean {
  try {
    return /util-linux/.test(execFileSync('script', ['--version'], { encoding: 'utf8' }));
  } catch {
    return false;
  }
}

/** Runs the tool on a terminal with `columns` columns. `onOutput` is called with all that it has shown so far. */
async function onTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { columns = 80, onOutput = () => undefined }: { columns?: number; onOutput?: (output: string) => void } = {},
): Promise<string> {
  const words = [process.execPath, BIN, ...args].map((word) => `'${word}'`).join(' ');
  const child = execFile('script', ['-qec', `stty cols ${columns}; tty; ${words}`, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env },
  });
  let output = '';
  child.stdout?.on('data', (data: string) => {
    output += data;
    onOutput(output);
  });
  await new Promise((resolve) => child.on('close', resolve));
  return output;
}

/** Returns the lines without what colors them and moves the cursor. */
function linesOf(output: string): string[] {
  return output.replace(/\u001b\[[?\d;]*[A-Za-z]/g, '').split(/\r?\n|\r/);
}

for (const columns of [120, 80, 50, 30])
  t.test(`at ${columns} columns the title and the progress fit into a line each`, { skip }, async (t) => {
    const { scene, uri, env } = await manageScene(t);
    const output = await onTerminal(['push', scene.child, '--to', uri('x.vhd'), '--limit', '4MiB/s'], env, { columns });
    const drawn = linesOf(output).filter((line) => /^(.|  ›) (Pushing|writing)/u.test(line));
    t.ok(
      drawn.some((line) => /Pushing/.test(line)),
      output,
    );
    t.ok(drawn.some((line) => /writing.* \d+ %/.test(line)));
    t.strictSame(
      drawn.filter((line) => line.length >= columns),
      [],
    );
    if (columns >= 80) t.ok(drawn.some((line) => /Pushing child\.vhd to devstoreaccount1\/vhds\/x\.vhd$/.test(line)));
    t.match(output, /: complete/);
    t.ok(output.lastIndexOf('\u001b[?25h') > output.lastIndexOf('\u001b[?25l'), 'the cursor is shown again');
  });

t.test('after the terminal was resized, lines fit the new width', { skip }, async (t) => {
  const { scene, uri, env, gate } = await manageScene(t);
  let output = '';
  let writes = 0;
  let before = Infinity;
  gate.onAnswer = async ({ kind }) => {
    const [tty] = /\/dev\/pts\/\d+/.exec(output) ?? [];
    if (kind === 'put-page' && ++writes === 2 && tty !== undefined) {
      before = output.length;
      await promisify(execFile)('stty', ['-F', tty, 'cols', '40']);
    }
    return undefined;
  };
  await onTerminal(['push', scene.child, '--to', uri('x.vhd'), '--limit', '4MiB/s'], env, {
    onOutput: (all) => {
      output = all;
    },
  });
  const drawn = linesOf(output.slice(before)).filter((line) => /^  › writing/.test(line));
  // On a busy machine some are drawn before the signal comes.
  const first = drawn.findIndex((line) => line.length < 40);
  t.ok(first >= 0);
  t.strictSame(
    drawn.slice(first).filter((line) => line.length >= 40),
    [],
  );
});

for (const [name, env] of [
  ['TERM=dumb', { TERM: 'dumb' }],
  ['CI', { CI: 'true' }],
] as const)
  t.test(`with ${name} nothing moves`, { skip }, async (t) => {
    const { scene, uri, env: access } = await manageScene(t);
    const output = await onTerminal(['push', scene.child, '--to', uri('x.vhd')], { ...access, ...env });
    t.match(output, /Pushing child\.vhd to devstoreaccount1\/vhds\/x\.vhd\r\n/);
    t.notMatch(output, '\u001b');
  });

t.test('with NO_COLOR there are no colors', { skip }, async (t) => {
  const { scene, uri, env } = await manageScene(t);
  const args = ['push', scene.child, '--to', uri('x.vhd')];
  t.match(await onTerminal(args, env), /\u001b\[3\dm/, 'otherwise there are');
  t.notMatch(await onTerminal(args, { ...env, NO_COLOR: '1' }), /\u001b\[[\d;]*m/);
});

t.test('after Ctrl-C it is said how much is up, and how to go on; with --json too, on stderr', async (t) => {
  const { scene, uri, env, gate } = await manageScene(t);
  for (const json of [false, true]) {
    const args = ['push', scene.base, '--to', uri(`stopped-${String(json)}`), '--limit', '4MiB/s'];
    const run = startCli([...args, ...(json ? ['--json'] : [])], env);
    let puts = 0;
    gate.onAnswer = ({ kind }) => {
      if (kind === 'put-page' && ++puts === 2) run.child.kill('SIGINT');
      return undefined;
    };
    const { exitCode, stdout, stderr } = await run.ended;
    t.equal(exitCode, 130);
    t.match(
      stderr,
      /stopped: \d.* of .* MiB are up\. To go on, run the same command:\n {2}vhdup push .*base disk\.vhd' --to \S+ --limit 4MiB\/s/,
    );
    if (json) t.match(JSON.parse(stdout), { error: { code: 'cancelled' }, exitCode: 130 });
    else t.equal(stdout, '');
    t.notMatch(stderr, /^vhdup:/m, 'said once');
  }
});
