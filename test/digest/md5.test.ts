import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import t from 'tap';
import { md5, startMd5 } from '../../src/digest/md5.js';

t.test('the digest of a buffer and of a stream is MD5', async (t) => {
  const bytes = randomBytes(12345);
  const expected = createHash('md5').update(bytes).digest('hex');
  t.equal(md5(bytes).toString('hex'), expected);
  const running = await startMd5();
  for (let offset = 0; offset < bytes.length; offset += 1000) running.update(bytes.subarray(offset, offset + 1000));
  t.equal(running.digest().toString('hex'), expected);
});

// Node's own builds have no FIPS provider to switch on, so the child forbids MD5 as one would.
const FORBID_MD5 = `
  import crypto, { createHash } from 'node:crypto';
  import { syncBuiltinESMExports } from 'node:module';
  crypto.createHash = (name, options) => {
    if (name === 'md5') throw new Error('error:0308010C:digital envelope routines::unsupported');
    return createHash(name, options);
  };
  syncBuiltinESMExports();
`;
const DIGESTS = `
  const { md5, startMd5 } = await import(process.argv[1]);
  const bytes = Buffer.from('abc');
  const running = await startMd5();
  running.update(bytes.subarray(0, 1));
  running.update(bytes.subarray(1));
  console.log(JSON.stringify({ buffer: md5(bytes).toString('hex'), stream: running.digest().toString('hex') }));
`;

t.test('where the platform forbids MD5, as in FIPS mode, it is computed all the same', async (t) => {
  const module = new URL('../../dist/digest/md5.js', import.meta.url).href;
  const forbid = `data:text/javascript,${encodeURIComponent(FORBID_MD5)}`;
  const output = execFileSync(process.execPath, ['--import', forbid, '--input-type=module', '-e', DIGESTS, module], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  const abc = '900150983cd24fb0d6963f7d28e17f72';
  t.strictSame(JSON.parse(output), { buffer: abc, stream: abc });
});
