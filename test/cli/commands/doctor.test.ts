import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { runCli } from '../../support/cli.js';
import { sasFor } from '../../support/sas.js';
import { stage } from '../../support/stage.js';

interface Printed {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly state: string; readonly code?: string }[];
}

/** The names of the checks that failed. */
const failedIn = (stdout: string) =>
  (JSON.parse(stdout) as Printed).checks.filter(({ state }) => state === 'failed').map(({ name }) => name);

t.test('doctor: nothing wrong is exit code 0, each trouble has the code that a command would end with', async (t) => {
  const { env, uri, gate, container } = await stage(t);
  await container.getPageBlobClient('disk').create(512);
  const { AZURE_STORAGE_CONNECTION_STRING: secret, ...folders } = env;
  const key = /AccountKey=([^;]+)/.exec(secret)?.[1] ?? 'none';
  const sas = 'sv=2024-01-01&se=2099-01-01&sp=r&sig=c2VjcmV0c2VjcmV0c2VjcmV0';
  for (const [name, args, more, exitCode, failed] of [
    ['nothing wrong', [uri('disk')], env, 0, []],
    ['no URI', [], folders, 0, []],
    ['no credential', [uri('disk')], folders, 6, ['credential']],
    ['no container', [`${gate.url}/elsewhere/disk`], env, 5, ['access']],
    ['no server', [`http://127.0.0.1:9/acct/vhds/disk?${sas}`], folders, 10, ['server']],
  ] as const) {
    const json = await runCli(['doctor', ...args, '--json'], more);
    t.equal(json.exitCode, exitCode, `${name}: ${json.stdout}${json.stderr}`);
    t.match(JSON.parse(json.stdout), { command: 'doctor', ok: exitCode === 0 });
    t.strictSame(failedIn(json.stdout), failed, name);
    const text = await runCli(['doctor', ...args], more);
    t.equal(text.exitCode, exitCode, name);
    t.match(
      text.stdout,
      exitCode === 0 ? /\nno check failed\n$/ : /^failed +(credential|access|server) [^]*\na check failed\n$/m,
    );
    for (const part of [key, 'c2VjcmV0'])
      t.notOk((json.stdout + json.stderr + text.stdout + text.stderr).includes(part), `${name}: no secret`);
  }
});

t.test('--sas-file is named as the place of the credential, and what it replaces is said', async (t) => {
  const { folder, env, uri, container } = await stage(t);
  const { sas, secret } = await sasFor(container, 120);
  const path = join(folder, 'sas');
  await writeFile(path, sas, { mode: 0o600 });
  await container.getPageBlobClient('disk').create(512);
  const { stdout, stderr, exitCode } = await runCli(['doctor', uri('disk'), '--sas-file', path], env);
  t.equal(exitCode, 0, stdout + stderr);
  t.match(
    stdout.replace(/\s+/g, ' '),
    /credential +--sas-file is used \(SAS in the URI: none; AZURE_STORAGE_CONNECTION_STRING: replaced by --sas-file/,
  );
  t.notOk((stdout + stderr).includes(secret), 'no secret');
});
