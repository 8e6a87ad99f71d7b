import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ContainerSASPermissions } from '@azure/storage-blob';
import t from 'tap';
import { diagnose, type Check } from '../../src/index.js';
import { clockCheck } from '../../src/manage/diagnose.js';
import { folderCheck } from '../../src/manage/folder-check.js';
import { azureScene } from '../support/azure-scene.js';

const named = (checks: readonly Check[], name: Check['name']) => checks.find((check) => check.name === name);

t.test('a diagnosis says which credential is used, and whether server, clock and container are in order', async (t) => {
  const { gate, container } = await azureScene(t);
  await container.getPageBlobClient('there').create(512);
  const { ok, checks } = await diagnose(`${gate.url}/vhds/there`, { environment: gate.env });
  t.ok(ok, JSON.stringify(checks));
  t.match(named(checks, 'credential'), { state: 'ok', message: /AZURE_STORAGE_.* is used .*SAS in the URI: none/ });
  t.match(named(checks, 'server'), { state: 'ok' });
  t.match(named(checks, 'clock'), { state: 'ok' });
  t.match(named(checks, 'access'), { state: 'ok', message: /can be read/ });
  t.match(named((await diagnose(`${gate.url}/vhds/missing`, { environment: gate.env })).checks, 'access'), {
    state: 'ok',
    message: /the container is there; it has no blob missing/,
  });
  t.match(named((await diagnose(`${gate.url}/elsewhere/b`, { environment: gate.env })).checks, 'access'), {
    state: 'failed',
    code: 'destination-missing',
  });
  t.match(await diagnose(`${gate.url}/vhds/there`, { environment: {} }), { ok: false });
});

t.test('a server that is not there fails, and nothing is thrown', async (t) => {
  const uri = 'http://127.0.0.1:9/acct/vhds/b?sv=1&se=2020-01-01&sig=c2VjcmV0c2VjcmV0';
  const { ok, checks } = await diagnose(uri);
  t.notOk(ok);
  t.match(named(checks, 'credential'), { state: 'failed', code: 'not-authorised', message: /expired/ });
  t.match(named(checks, 'server'), { state: 'failed', code: 'service-unreachable' });
  t.match(named(checks, 'access'), { state: 'skipped' });
  t.notMatch(JSON.stringify(checks), /c2VjcmV0/);
  await t.rejects(diagnose('nowhere'), { code: 'usage' });
});

t.test('clocks that differ are reported before the service refuses signatures', (t) => {
  t.match(clockCheck(500), { state: 'ok' });
  t.match(clockCheck(120_000), { state: 'warning', message: '120 s behind the clock of the server' });
  t.match(clockCheck(-960_000), { state: 'failed', code: 'not-authorised', message: /ahead of/ });
  t.end();
});

t.test('folders that are open to others, or no folders, are found', async (t) => {
  const folder = t.testdir({});
  const path = join(folder, 'state');
  const check = () => folderCheck('state', { VHDUP_STATE_DIR: path });
  t.match(await check(), { state: 'ok', message: /is created when it is needed/ });
  await mkdir(path, { mode: 0o755 });
  if (process.platform !== 'win32') t.match(await check(), { state: 'warning', hint: /chmod 700/ });
  await writeFile(join(folder, 'file'), '');
  t.match(await folderCheck('state', { VHDUP_STATE_DIR: join(folder, 'file') }), {
    state: 'failed',
    code: 'output-unwritable',
  });
  t.match(await folderCheck('cache', { VHDUP_CACHE_DIR: join(folder, 'file') }), { state: 'warning' });
});

t.test('a SAS that ends soon, or does not allow reading, is found before a push', async (t) => {
  const { gate, container } = await azureScene(t);
  await container.getPageBlobClient('there').create(512);
  const sas = async (permissions: string, minutes: number) => {
    const expiresOn = new Date(Date.now() + minutes * 60_000);
    const url = await container.generateSasUrl({ permissions: ContainerSASPermissions.parse(permissions), expiresOn });
    return new URL(url).search;
  };
  const at = async (search: string) => (await diagnose(`${gate.url}/vhds/there${search}`, { environment: {} })).checks;
  const soon = await at(await sas('r', 5));
  t.match(named(soon, 'credential'), { state: 'warning', hint: /the SAS expires at/ });
  t.match(named(soon, 'access'), { state: 'ok' });
  t.match(named(await at(await sas('w', 60)), 'access'), { state: 'failed', code: 'not-authorised', hint: /"r"/ });
});

t.test('a diagnosis that is stopped throws, and reports nothing', async (t) => {
  const { gate } = await azureScene(t);
  const options = { environment: gate.env, signal: AbortSignal.abort() };
  await t.rejects(diagnose(`${gate.url}/vhds/there`, options), { code: 'cancelled' });
});

t.test('a proxy is named without its password', async (t) => {
  const before = process.env;
  t.teardown(() => {
    process.env = before;
  });
  process.env = { ...before, HTTPS_PROXY: 'http://user:c2VjcmV0c2VjcmV0@127.0.0.1:9' };
  const { checks } = await diagnose('https://acct.blob.core.windows.net/vhds/b?sp=r&se=2020-01-01&sig=c2ln', {
    environment: {},
  });
  t.match(named(checks, 'proxy'), { message: /^HTTPS_PROXY=http:\/\/REDACTED@127\.0\.0\.1:9/ });
  t.notMatch(JSON.stringify(checks), /c2VjcmV0/);
  t.match(named(checks, 'server'), { state: 'skipped' }, 'a request beside the proxy would say nothing');
});
