import t from 'tap';
import { runCli } from '../support/cli.js';
import { manageScene } from '../support/manage-scene.js';
import { sasFor } from '../support/sas.js';

t.test('an error of the service has its request id, whether a repeat helps, and the warnings before it', async (t) => {
  const { scene, uri, env, gate, container } = await manageScene(t);
  const folders = { VHDUP_STATE_DIR: env.VHDUP_STATE_DIR, VHDUP_CACHE_DIR: env.VHDUP_CACHE_DIR };
  const { sas, secret } = await sasFor(container, 5);
  gate.onRequest = ({ kind }) =>
    kind === 'put-page'
      ? { status: 403, headers: { 'x-ms-error-code': 'AuthorizationFailure', 'x-ms-request-id': 'request-4711' } }
      : undefined;
  const args = ['push', scene.base, `${uri('disk')}?${sas}`, '-q'];
  const json = await runCli([...args, '--json'], folders);
  t.equal(json.exitCode, 6, json.stderr);
  t.match(JSON.parse(json.stdout), {
    command: 'push',
    error: { code: 'not-authorised', requestId: 'request-4711', retryable: false },
    exitCode: 6,
    warnings: [{ code: 'size-not-mib' }, { code: 'sas-expires-soon', message: /expires at/ }],
  });
  const text = await runCli(args, folders);
  t.match(text.stderr, /^warning: .*the SAS expires at[^]*^vhdup: [^]*\n {2}request id request-4711\n$/m);
  t.notOk((json.stdout + json.stderr + text.stdout + text.stderr).includes(secret), 'no secret');
});
