import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import t from 'tap';
import { md5, startMd5 } from '../../src/digest/md5.js';

t.test('the digest of a buffer and of a stream is MD5', async (t) => {
  const bytes = randomBytes(12345);
  const expected = createHash('md5').update(bytes).digest('hex');
  t.equal((await md5(bytes)).toString('hex'), expected);
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
  const stream = startMd5().then((running) => {
    running.update(bytes.subarray(0, 1));
    running.update(bytes.subarray(1));
    return running.digest().toString('hex');
  }).catch((error) => error.code + ': ' + error.hint);
  const buffers = (await Promise.all([md5(bytes), md5(bytes)])).map((digest) => digest.toString('hex'));
  console.log(JSON.stringify({ buffers, stream: await stream }));
`;

/** Returns what a process computes that cannot load `missing`. */
function digestsWithout(missing: readonly string[], isForbidden: boolean): unknown {
  const hooks = `
    const missing = ${JSON.stringify(missing)};
    export async function resolve(specifier, context, next) {
      if (missing.includes(specifier)) throw new Error('there is no ' + specifier);
      return next(specifier, context);
    }
  `;
  const dataUri = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(dataUri(hooks))});`;
  const module = new URL('../../dist/digest/md5.js', import.meta.url).href;
  const preloaded = [register, ...(isForbidden ? [FORBID_MD5] : [])].flatMap((code) => ['--import', dataUri(code)]);
  const output = execFileSync(process.execPath, [...preloaded, '--input-type=module', '-e', DIGESTS, module], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  return JSON.parse(output);
}

const abc = '900150983cd24fb0d6963f7d28e17f72';

t.test('if the platform forbids MD5, as in FIPS mode, WebAssembly computes it', async (t) => {
  t.strictSame(digestsWithout(['md5'], true), { buffers: [abc, abc], stream: abc });
});

t.test('without WebAssembly too, buffers are hashed, and a stream says what to do', async (t) => {
  t.match(digestsWithout(['hash-wasm'], true), { buffers: [abc, abc], stream: /^unexpected: .*never/ });
});

t.test('if the platform has MD5, nothing else is loaded', async (t) => {
  t.strictSame(digestsWithout(['md5', 'hash-wasm'], false), { buffers: [abc, abc], stream: abc });
});
