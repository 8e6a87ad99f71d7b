import t from 'tap';
import { requestLine } from '../../src/cli/request-line.js';
import { runCli } from '../support/cli.js';
import { manageScene } from '../support/manage-scene.js';
import { sasFor } from '../support/sas.js';

t.test('the line of a request has what is known of it', (t) => {
  const uri = 'https://a.blob.core.windows.net/c/b?comp=page';
  t.equal(
    requestLine({
      type: 'request',
      method: 'PUT',
      uri,
      range: 'bytes=0-511',
      status: 201,
      milliseconds: 34.6,
      requestId: 'r',
    }),
    `PUT ${uri} bytes=0-511: 201, 35 ms, request id r`,
  );
  t.equal(requestLine({ type: 'request', method: 'HEAD', uri, milliseconds: 2 }), `HEAD ${uri}: no answer, 2 ms`);
  t.end();
});

t.test('--verbose shows each request of a push, and no secret; -q keeps nothing but them', async (t) => {
  const { scene, uri, env, gate, container } = await manageScene(t);
  const folders = { VHDUP_STATE_DIR: env.VHDUP_STATE_DIR, VHDUP_CACHE_DIR: env.VHDUP_CACHE_DIR };
  const { sas, secret } = await sasFor(container, 120);
  for (const quiet of [false, true]) {
    gate.records = [];
    const name = `disk-${String(quiet)}`;
    const args = ['push', scene.base, `${uri(name)}?${sas}`, '-v', ...(quiet ? ['-q'] : [])];
    const { exitCode, stdout, stderr } = await runCli(args, folders);
    t.equal(exitCode, 0, stderr);
    const requests = stderr.split('\n').filter((line) => / \d+ ms(,|$)/.test(line));
    t.equal(requests.length, gate.records.length, 'one line for each request');
    const puts = gate.records.filter(({ kind }) => kind === 'put-page');
    t.ok(puts.length > 0);
    for (const { range } of puts) {
      const bytes = `bytes=${range?.offset ?? -1}-${(range?.offset ?? 0) + (range?.length ?? 0) - 1}`;
      const line = requests.find((request) => request.includes(` ${bytes}: `)) ?? '';
      t.match(
        line,
        new RegExp(
          `^PUT http://127\\.0\\.0\\.1:\\d+/devstoreaccount1/vhds/${name}\\?comp=page ${bytes}: 201, \\d+ ms, request id \\S+$`,
        ),
      );
    }
    t.notOk((stdout + stderr).includes(secret), 'no secret');
    t.notMatch(stderr, /sig=/);
    t.equal(/Pushing/.test(stderr), !quiet);
    const others = stderr
      .trim()
      .split('\n')
      .filter((line) => !requests.includes(line) && !/^(warning: |  )/.test(line));
    if (quiet) t.strictSame(others, [], 'nothing else but warnings and their hints');
  }
  const { stderr } = await runCli(['push', scene.base, `${uri('silent')}?${sas}`], folders);
  t.notMatch(stderr, / ms/, 'without the flag there are none');
});

t.test('inner amounts are shown with --verbose only', async (t) => {
  const { folder, scene, uri, env } = await manageScene(t);
  for (const [verbose, args] of [
    [/^ {2}zeros +found while reading/m, ['push', '-n', scene.base, uri('disk')]],
    [/^ {2}zeros +.* read and not sent$/m, ['push', scene.base, uri('disk')]],
    [/^ {2}fetched +\d/m, ['verify', scene.base, uri('disk')]],
    [/^ {2}stored +\d/m, ['pull', uri('disk'), `${folder}/out.vhd`, '--overwrite']],
  ] as const) {
    const { stdout } = await runCli([...args, '-q', '-v'], env);
    t.match(stdout, verbose);
    t.match(stdout, args[0] === 'verify' ? /^ {2}allocation /m : /^ {2}virtual size /m);
    const again = args[0] === 'push' && args.length === 3 ? ['push', scene.base, uri('other')] : args;
    const short = (await runCli([...again, '-q'], env)).stdout;
    t.notMatch(short, /^ {2}(zeros|fetched|stored|virtual size|gaps|requests|allocation) {2}/m, again.join(' '));
    t.match(short, /^ {2}\S/m, 'the other rows are there');
  }
});
