import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { requireSchema } from '../support/json-schema.js';

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));

/** Runs a process that prints a long result of `count` items; where told so it breaks off behind them. */
function print({ json, count, broken }: { json: boolean; count: number; broken: boolean }) {
  const script = `
    import { VhdupError } from ${JSON.stringify(`${SOURCE}errors.ts`)};
    import { printLongResult, printError } from ${JSON.stringify(`${SOURCE}cli/output.ts`)};
    async function* items() {
      for (let n = 0; n < ${count}; n++) yield { n };
      if (${broken}) throw new VhdupError('disk-unreadable', 'a.vhd?sig=secret broke\\nvhdup: all is well');
    }
    const result = { result: { name: 'x\\u009b?sig=secret' }, list: 'items', items: items(), heading: 'heading\\u009b', line: ({ n }) => 'item ' + n + ' sig=secret' };
    try { await printLongResult(${json}, result); } catch (error) { process.exitCode = printError(${json}, error); }`;
  return spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(what: Parameters<typeof print>[0]) {
  const child = print(what);
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const stderr = text(child.stderr);
  return { stdout: await text(child.stdout), stderr: await stderr, exitCode: await exit };
}

t.test('a long list is one object on one line, or lines, without secrets and control characters', async (t) => {
  for (const count of [0, 1, 20_000]) {
    const { stdout, exitCode } = await run({ json: true, count, broken: false });
    t.equal(exitCode, 0);
    t.equal(stdout.indexOf('\n'), stdout.length - 1);
    t.strictSame(JSON.parse(stdout), {
      vhdup: 2,
      name: 'x\u009b?sig=REDACTED',
      items: Array.from({ length: count }, (_, n) => ({ n })),
    });
    t.notMatch(stdout, '\u009b');
    const lines = await run({ json: false, count, broken: false });
    t.equal(
      lines.stdout,
      ['heading\\x9b', ...Array.from({ length: count }, (_, n) => `item ${n} sig=REDACTED`), ''].join('\n'),
    );
  }
});

t.test(
  'where a list breaks off, programs still get one object, with the error; people get what there was',
  async (t) => {
    for (const count of [0, 20_000]) {
      const { stdout, exitCode } = await run({ json: true, count, broken: true });
      t.equal(exitCode, 3);
      t.match(JSON.parse(stdout), {
        vhdup: 2,
        items: { length: count },
        error: { code: 'disk-unreadable', message: 'a.vhd?sig=REDACTED broke\nvhdup: all is well' },
        exitCode: 3,
      });
      const lines = await run({ json: false, count, broken: true });
      t.equal(lines.exitCode, 3);
      t.equal(lines.stdout.split('\n').length, count + 2);
      t.equal(
        lines.stderr,
        'vhdup: a.vhd?sig=REDACTED broke\n  vhdup: all is well\n',
        'no text in a message passes for another one',
      );
    }
  },
);

/** Runs a process that fails after a warning. */
async function fail(json: boolean) {
  const script = `
    import { VhdupError } from ${JSON.stringify(`${SOURCE}errors.ts`)};
    import { printError } from ${JSON.stringify(`${SOURCE}cli/output.ts`)};
    import { beginCommand, keepWarnings } from ${JSON.stringify(`${SOURCE}cli/running-command.ts`)};
    beginCommand('push');
    keepWarnings(() => undefined)({ type: 'warning', code: 'c', message: 'w?sig=secret', hint: 'wh' });
    const detail = { hint: 'h', retryable: false, requestId: 'r-1' };
    printError(${json}, new VhdupError('transfer-failed', 'm', detail));`;
  const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { stdout: await text(child.stdout), stderr: await text(child.stderr) };
}

t.test('an error names the command, whether a repeat may help, the request, and the warnings before it', async (t) => {
  const { stdout } = await fail(true);
  t.match(JSON.parse(stdout), {
    vhdup: 2,
    command: 'push',
    error: { code: 'transfer-failed', message: 'm', hint: 'h', retryable: false, requestId: 'r-1' },
    warnings: [{ code: 'c', message: 'w?sig=REDACTED', hint: 'wh' }],
  });
  await requireSchema(stdout);
  t.match(await fail(false), { stdout: '', stderr: 'vhdup: m\n  h\n  request id r-1\n' });
});
