import { once } from 'node:events';
import { chmod, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { ContainerSASPermissions } from '@azure/storage-blob';
import t from 'tap';
import { blobStatus, openDisk, planPush } from '../../src/index.js';
import { factsOf } from '../support/blobs.js';
import { runCli, startCli } from '../support/cli.js';
import { manageScene, type ManageScene } from '../support/manage-scene.js';
import type { GateRecord, OwnAnswer } from '../support/gate.js';

/** A SAS that works, and the forms of its secret part, in which it must show up nowhere. */
async function sasOf({ container }: ManageScene): Promise<{ sas: string; secrets: string[] }> {
  for (;;) {
    const url = await container.generateSasUrl({
      permissions: ContainerSASPermissions.parse('racwdl'),
      expiresOn: new Date(Date.now() + 3_600_000 + Math.floor(Math.random() * 1e9)),
    });
    const sas = new URL(url).search.slice(1);
    const sig = /sig=([^&]+)/.exec(sas)?.[1] ?? '';
    // One that has to be encoded is the harder case.
    if (decodeURIComponent(sig) !== sig.replace('%3D', '='))
      return { sas, secrets: [sig, decodeURIComponent(sig), encodeURIComponent(sig)] };
  }
}

const accountKey = (connectionString: string) => /AccountKey=([^;]+)/.exec(connectionString)?.[1] ?? '';

function leaked(text: string, secrets: readonly string[]): string | undefined {
  return secrets.find((secret) => text.includes(secret));
}

/** A server that says all it was told: the URL with its query, and the headers. */
function parrot({ url, headers }: GateRecord): OwnAnswer {
  const said = `${url} ${JSON.stringify(headers)}`;
  const escaped = said.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return {
    status: 403,
    headers: { 'content-type': 'application/xml', 'x-ms-error-code': `No ${encodeURI(url)}` },
    body: `<?xml version="1.0"?><Error><Code>Denied ${escaped}</Code><Message>${escaped} ${encodeURIComponent(said)}</Message></Error>`,
  };
}

t.test(
  'a push by SAS leaks it nowhere: not to output, logs, records or metadata, nor to the list of processes',
  async (t) => {
    const setting = await manageScene(t);
    const { gate, scene, uri, container, options, pushed } = setting;
    await pushed(scene.base, { to: uri('base') });
    const { sas, secrets } = await sasOf(setting);
    gate.hidesEmulator = true;
    const env = {
      VHDUP_STATE_DIR: options.stateFolder,
      AZURE_LOG_LEVEL: 'verbose',
      NODE_DEBUG: 'http,https,net',
      DEBUG: '*',
    };
    const run = startCli(
      ['push', scene.child, '--base', `${uri('base')}?${sas}`, '--to', `${uri('child')}?${sas}`, '--seal'],
      env,
    );
    let seen = '';
    let records = 0;
    gate.onRequest = async ({ kind }) => {
      if (kind !== 'put-page') return undefined;
      if (process.platform === 'linux') seen += await readFile(`/proc/${run.child.pid ?? 0}/cmdline`, 'utf8');
      for (const name of await readdir(options.stateFolder)) {
        const path = join(options.stateFolder, name);
        seen += await readFile(path, 'utf8').catch(() => '');
        if (process.platform !== 'win32') t.equal((await stat(path)).mode & 0o777, 0o600);
        records++;
      }
      return undefined;
    };
    const { exitCode, stdout, stderr } = await run.ended;
    t.equal(exitCode, 0, stderr.slice(-500));
    t.ok(records > 0, 'a record was there');
    t.match(stderr, /azure:/, 'the SDK logged');
    t.match(stderr, /HTTP \d+: /, 'Node logged');
    if (process.platform === 'linux') t.match(seen, /^vhdup\0/);
    seen += stdout + stderr + JSON.stringify([await factsOf(container, 'base'), await factsOf(container, 'child')]);
    for (const name of await readdir(options.stateFolder))
      seen += await readFile(join(options.stateFolder, name), 'utf8');
    t.equal(leaked(seen, secrets), undefined);
  },
);

t.test('no command repeats a secret, whatever the server says', async (t) => {
  const setting = await manageScene(t);
  const { gate, scene, uri, options } = setting;
  const { sas, secrets } = await sasOf(setting);
  const key = accountKey(gate.connectionString);
  const all = [...secrets, key, encodeURIComponent(key)];
  gate.onRequest = parrot;
  const logs = { VHDUP_STATE_DIR: options.stateFolder, AZURE_LOG_LEVEL: 'verbose', NODE_DEBUG: 'http' };
  const runs: readonly (readonly [args: readonly string[], env: Readonly<Record<string, string>>, exitCode: number])[] =
    [
      [['status', `${uri('x')}?${sas}`], {}, 6],
      [['info', uri('x'), '--json'], { ...gate.env, ...logs }, 6],
      [['push', scene.child, '--base', 'auto', '--to', `${uri('x')}?${sas}`, '--json'], logs, 6],
      [['seal', `${uri('x')}?${sas}`, '--json'], {}, 6],
      [['unseal', `${uri('x')}?${sas}`, '--nonsense'], {}, 2],
      [['abort', `${uri('x')}&${sas}`, `${uri('y')}?${sas}`], {}, 2],
      [['status', `${gate.url}?${sas}`], {}, 2],
      [['map', `./no file?${sas}`, '--json'], {}, 3],
      [['info', gate.connectionString], {}, 3],
    ];
  await Promise.all(
    runs.map(async ([args, env, exitCode]) => {
      const run = await runCli(args, { VHDUP_STATE_DIR: options.stateFolder, ...env });
      t.equal(run.exitCode, exitCode, `${args[0] ?? ''}: ${(run.stdout + run.stderr).slice(-300)}`);
      t.equal(leaked(run.stdout + run.stderr, all), undefined, args.join(' '));
    }),
  );
});

function denial(message: string): OwnAnswer {
  const escaped = message.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return {
    status: 403,
    headers: { 'content-type': 'application/xml', 'x-ms-error-code': 'Denied' },
    body: `<?xml version="1.0"?><Error><Code>Denied</Code><Message>${escaped}</Message></Error>`,
  };
}

/** The same as servers, proxies and programs in between write it. */
const REPEATED: readonly ((said: string) => string)[] = [
  (said) => said.replace(/%../g, (code) => code.toLowerCase()),
  (said) =>
    [...decodeURIComponent(said)]
      .map((char) => (/\w/.test(char) ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}`))
      .join(''),
  (said) => [...decodeURIComponent(said)].map((char) => (/\w/.test(char) ? char : `&#${char.charCodeAt(0)};`)).join(''),
  (said) => decodeURIComponent(said).replaceAll('+', ' '),
  (said) => Buffer.from(decodeURIComponent(said)).toString('base64'),
  (said) => Buffer.from(said).toString('base64url'),
];

t.test('no command repeats a secret, in whatever encoding the server says it', async (t) => {
  const setting = await manageScene(t);
  const { gate, scene, uri, options } = setting;
  const {
    sas,
    secrets: [sig = ''],
  } = await sasOf(setting);
  // Of base64 the middle, in which a longer text shows no trace of its neighbours.
  const forms = [
    ...REPEATED.map((repeated) => repeated(sig)),
    ...[0, 1, 2].flatMap((before) =>
      [sig, decodeURIComponent(sig)].map((text) =>
        Buffer.from('x'.repeat(before) + text)
          .toString('base64')
          .slice(4, 24),
      ),
    ),
  ];
  for (const [index, repeated] of REPEATED.entries()) {
    gate.onRequest = ({ kind, url }) => (kind === 'list' ? denial(repeated(url)) : undefined);
    const { exitCode, stdout, stderr } = await runCli(
      ['push', scene.child, '--base', 'auto', '--to', `${uri('x')}?${sas}`, ...(index % 2 === 0 ? [] : ['--json'])],
      { VHDUP_STATE_DIR: options.stateFolder },
    );
    t.equal(exitCode, 6);
    t.match(stdout + stderr, 'REDACTED', `${index}`);
    t.equal(leaked(stdout + stderr, forms), undefined, `${index}`);
  }
});

t.test('the password of a proxy is in no log, whole, in parts or in base64', async (t) => {
  const password = 'pr%2Fxy+pass';
  const seen: string[] = [];
  const proxy = createServer((socket) => {
    socket.on('data', (data) => {
      seen.push(data.toString());
      socket.destroy();
    });
    socket.on('error', () => undefined);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.teardown(() => proxy.close());
  const { port } = proxy.address() as AddressInfo;
  const { exitCode, stdout, stderr } = await runCli(
    ['status', 'https://acct.blob.core.windows.net/vhds/b?sv=1&sig=abcdefghij'],
    {
      HTTPS_PROXY: `http://proxyuser:${password}@127.0.0.1:${port}`,
      DEBUG: '*',
      NODE_DEBUG: 'http,https,net',
      AZURE_LOG_LEVEL: 'verbose',
    },
  );
  t.equal(exitCode, 7);
  t.match(seen.join(''), /^CONNECT .*proxy-authorization: Basic /is, 'the proxy was asked');
  t.match(stderr, /https-proxy-agent/, 'its agent logged');
  const basic = Buffer.from(`proxyuser:${decodeURIComponent(password)}`).toString('base64');
  t.equal(leaked(stdout + stderr, [password, decodeURIComponent(password), basic, basic.slice(4, -4)]), undefined);
});

t.test('an error as a program logs it, with its cause and all that hangs on it, has no secret', async (t) => {
  const setting = await manageScene(t);
  const { gate, scene, uri, options, pushed } = setting;
  const { sas, secrets } = await sasOf(setting);
  const all = [...secrets, accountKey(gate.connectionString)];
  const checkError = (error: unknown, what: string) => {
    const { cause } = error as Error;
    const text = [
      inspect(error, { depth: 10, showHidden: true }),
      JSON.stringify(error),
      JSON.stringify(cause),
      String((error as Error).stack),
      inspect(cause, { depth: 10, showHidden: true, getters: true }),
    ].join('\n');
    t.equal(leaked(text, all), undefined, what);
    t.notMatch(text, /SharedKey devstoreaccount1:(?!REDACTED)/, what);
    t.match(error, { name: 'VhdupError' }, what);
  };
  const failing = async (what: string, work: () => Promise<unknown>) => {
    await work().then(
      () => t.fail(what),
      (error: unknown) => {
        checkError(error, what);
      },
    );
  };

  gate.onRequest = parrot;
  const bySas = { ...options, environment: {} };
  await failing('403 by SAS', () => blobStatus(`${uri('x')}?${sas}`, bySas));
  await failing('403 by key', () => blobStatus(uri('x'), options));
  await failing('403 of a push', () => pushed(scene.child, { to: `${uri('x')}?${sas}`, environment: {} }));
  gate.onRequest = () => 'drop';
  await failing('no answer', () => blobStatus(`${uri('x')}?${sas}`, bySas));
  gate.onRequest = () => undefined;
  await pushed(scene.base, { to: uri('base') });
  for (const kind of [
    'copy',
    'lease',
    'clear-pages',
    'put-page',
    'headers',
    'metadata',
    'page-ranges',
    'list',
    'read',
  ] as const) {
    gate.hidesEmulator = true;
    gate.onRequest = (record) => (record.kind === kind ? parrot(record) : undefined);
    await failing(kind, () =>
      pushed(scene.child, {
        base: kind === 'list' ? 'auto' : `${uri('base')}?${sas}`,
        to: `${uri(`to-${kind}`)}?${sas}`,
        environment: {},
      }),
    );
  }
  gate.onRequest = () => undefined;
  await using disk = await openDisk(scene.child);
  await failing('a wrong key', () =>
    planPush(disk, {
      to: uri('x'),
      environment: { AZURE_STORAGE_ACCOUNT: 'devstoreaccount1', AZURE_STORAGE_KEY: `${all.at(-1) ?? ''}!` },
    }),
  );
});

t.test(
  '--sas-file: the SAS of a file is used, with question mark and line end; an open file is told, a wrong one is a usage error',
  async (t) => {
    const setting = await manageScene(t);
    const { folder, scene, uri, options } = setting;
    const { sas, secrets } = await sasOf(setting);
    const path = join(folder, 'sas');
    await writeFile(path, `?${sas}\n`, { mode: 0o600 });
    // What the environment has gives way.
    const env = {
      VHDUP_STATE_DIR: options.stateFolder,
      AZURE_STORAGE_ACCOUNT: 'another',
      AZURE_STORAGE_KEY: 'a2V5a2V5a2V5',
    };
    const push = await runCli(['push', scene.base, '--to', uri('base'), '--sas-file', path], env);
    t.equal(push.exitCode, 0, push.stderr);
    t.notMatch(push.stderr, /other users/);
    if (process.platform !== 'win32') {
      await chmod(path, 0o644);
      const status = await runCli(['status', uri('base'), '--sas-file', path, '--json'], env);
      t.match(JSON.parse(status.stdout), { state: 'complete' });
      t.match(status.stderr, /can be read by other users/);
    }
    await writeFile(path, 'nothing of the kind');
    for (const wrong of [path, join(folder, 'none')]) {
      const { exitCode, stdout, stderr } = await runCli(['info', uri('base'), '--sas-file', wrong], env);
      t.equal(exitCode, 2);
      t.equal(leaked(stdout + stderr, secrets), undefined);
    }
  },
);
