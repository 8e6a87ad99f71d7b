import t from 'tap';
import type { Capabilities } from '../../src/destination/destination.js';
import { parseBlobUri } from '../../src/azure/location.js';
import { PageBlobDestination } from '../../src/destination/page-blob.js';
import { requireCapabilities } from '../../src/push/capabilities.js';
import { Session } from '../../src/session/session.js';

const all: Capabilities = { copy: 'blob', record: 'metadata', contentMd5: true, seal: true };
const options = { base: 'https://a/b', seal: { kind: 'lease' } } as const;

t.test('what a destination cannot do is refused before anything is done', (t) => {
  t.doesNotThrow(() => requireCapabilities(all, 'uri', options));
  t.doesNotThrow(() => requireCapabilities({ ...all, copy: 'none', seal: false }, 'uri', {}));
  for (const copy of ['none', 'ranges'] as const)
    t.throws(() => requireCapabilities({ ...all, copy }, 'uri', options), {
      code: 'usage',
      message: /^uri: .*no base/,
    });
  t.throws(() => requireCapabilities({ ...all, seal: false }, 'uri', options), {
    code: 'usage',
    message: 'uri: it cannot be sealed',
  });
  t.end();
});

t.test('a page blob can do all', async (t) => {
  const session = new Session({ environment: { AZURE_STORAGE_KEY: 'a2V5' } });
  const location = parseBlobUri('https://acct.blob.core.windows.net/vhds/b');
  t.strictSame((await PageBlobDestination.at(session, location, undefined)).can, all);
});
