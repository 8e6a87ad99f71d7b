import { RestError } from '@azure/storage-blob';
import t from 'tap';
import { accessBy, accessOf, refusalHint } from '../../src/azure/refused-access.js';
import { CachedToken } from '../../src/azure/token.js';

const NOW = new Date('2026-01-01T12:00:00Z');
const token = new CachedToken({ getToken: () => Promise.resolve(null) });
const by = (sas: string | undefined, method: string, query = '') => accessBy({ sas, method, query });

t.test('a refusal names the letter that the SAS lacks, and the ones that it has', (t) => {
  for (const [method, query, letter] of [
    ['PUT', 'comp=page', 'w'],
    ['HEAD', '', 'r'],
    ['GET', 'comp=pagelist', 'r'],
    ['GET', 'restype=container&comp=list', 'l'],
    ['DELETE', '', 'd'],
    ['PUT', 'comp=immutabilityPolicies', 'i'],
  ] as const) {
    const others = [...'rwdli'].filter((each) => each !== letter).join('');
    t.match(
      refusalHint('AuthorizationPermissionMismatch', by(`sp=${others}&sr=c&sig=x`, method, query), NOW),
      new RegExp(`it has sp=${others}, and needs "${letter}" too`),
    );
  }
  t.end();
});

t.test('a refusal of a token names the role', (t) => {
  for (const [method, role] of [
    ['GET', 'Storage Blob Data Reader'],
    ['PUT', 'Storage Blob Data Contributor'],
  ] as const)
    t.match(
      refusalHint('AuthorizationPermissionMismatch', accessBy({ sas: undefined, token, method }), NOW),
      new RegExp(role),
    );
  t.end();
});

t.test('network rules, a wrong key, a damaged SAS and an expired one have hints of their own', (t) => {
  t.match(refusalHint('AuthorizationFailure', by(undefined, 'PUT'), NOW), /network rules/);
  t.match(refusalHint('AuthenticationFailed', by(undefined, 'PUT'), NOW), /key is wrong or was renewed, or the clock/);
  t.match(refusalHint('AuthenticationFailed', by('sp=rw&sig=x', 'PUT'), NOW), /signature of the SAS/);
  t.match(refusalHint('AuthenticationFailed', by('sp=rw&se=2025-01-01&sig=x', 'PUT'), NOW), /expired at 2025-01-01/);
  t.match(
    refusalHint('InvalidAuthenticationInfo', accessBy({ sas: undefined, token, method: 'GET' }), NOW),
    /az login/,
  );
  t.match(refusalHint('KeyBasedAuthenticationNotPermitted', by(undefined, 'PUT'), NOW), /az login/);
  t.match(refusalHint('CannotVerifyCopySource', by('sp=rw&sig=x', 'PUT'), NOW), /SAS that allows reading/);
  t.match(refusalHint(undefined, undefined, NOW), /check that the credential/);
  t.end();
});

t.test('how a request of the SDK was authorized is seen from its error', (t) => {
  const failed = (method: string, url: string, authorization?: string) =>
    accessOf(
      new RestError('refused', {
        statusCode: 403,
        request: { method, url, headers: { get: () => authorization } } as never,
      }),
    );
  const uri = 'https://acct.blob.core.windows.net/vhds/b';
  t.match(failed('PUT', `${uri}?comp=page&sp=r&sr=b&sig=x`), {
    kind: 'sas',
    needs: 'w',
    permissions: 'r',
    resource: 'b',
  });
  t.match(failed('HEAD', uri, 'SharedKey acct:c2lnbmVk'), { kind: 'account-key', needs: 'r' });
  t.match(failed('DELETE', uri, 'Bearer t1'), { kind: 'token', needs: 'd' });
  t.match(failed('GET', uri), { kind: undefined, needs: 'r' });
  t.equal(accessOf(new Error('another')), undefined);
  t.end();
});

t.test('a SAS for one blob cannot list; letters that are none are not repeated', (t) => {
  const list = 'restype=container&comp=list';
  t.match(
    refusalHint('AuthorizationPermissionMismatch', by('sr=b&sig=x', 'GET', list), NOW),
    /sr=b.*one for the container/,
  );
  t.match(refusalHint('AuthorizationPermissionMismatch', by('sp=%1b%5b2J&sr=c&sig=x', 'PUT'), NOW), /it has sp=\?,/);
  t.end();
});
