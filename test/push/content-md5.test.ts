import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { openDisk, planPush, type PushOptions } from '../../src/index.js';
import type { Capabilities } from '../../src/destination/destination.js';
import type { Layer } from '../../src/disk/disk.js';
import { omitsContentMd5 } from '../../src/push/content-md5.js';
import type { DestinationState } from '../../src/push/destination-state.js';
import { factsOf } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { pullScene } from '../support/pull-scene.js';
import { temporaryFolder } from '../support/folder.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const PAGE_BLOB: Capabilities = { copy: 'blob', record: 'metadata', contentMd5: true, seal: true };
const FREE: DestinationState = { kind: 'replaceable', ifMatch: undefined, replaces: undefined };

interface Case {
  readonly size: number;
  readonly send: number;
  /** From the top. Default: one dynamic layer. */
  readonly types?: readonly Layer['type'][];
  /** Bytes that the file system stores for each of the files. */
  readonly allocated?: number;
  readonly base?: { readonly layer: number };
  readonly mode?: PushOptions['contentMd5'];
  readonly found?: DestinationState;
  readonly can?: Capabilities;
}

/** Whether a push leaves out Content-MD5. */
function isOmitted({
  size,
  send,
  types = ['dynamic'],
  allocated = 0,
  base,
  mode,
  found = FREE,
  can = PAGE_BLOB,
}: Case) {
  const path = 'disk';
  const common = { path, format: 'vhd', id: undefined, parentId: undefined, size, blockSize: undefined };
  const none = { sectorSize: 512, details: [] };
  const layers = types.map((type) => ({ ...common, type, allocated: size, creator: '', warnings: [], ...none }));
  const file = { path, fileId: '', size, mtimeNs: 0n, ctimeNs: 0n, seenMs: 0, structure: '', allocated };
  const disk = { size, layers, openedFiles: types.map(() => file) };
  const plan = { write: [{ offset: 0, length: send }] };
  const compared = base && { ...base, check: 'tree' as const };
  return omitsContentMd5(
    { disk, options: { contentMd5: mode }, destination: { can } },
    { plan, base: compared, found },
  );
}

/** An interrupted push, as its record has it. */
function interrupted(contentMd5Omitted?: true): DestinationState {
  const record = { fingerprint: 'f', times: 't', id: undefined, parentId: undefined, base: undefined } as const;
  const seen = { size: 0, etag: '', contentMd5: undefined, copy: 'none' } as const;
  return {
    kind: 'resumable',
    record: { ...record, state: 'writing', holder: undefined, contentMd5Omitted },
    seen: { ...seen, verdict: { state: 'unfinished-push', problems: [], record: undefined } },
  };
}

t.test('auto sets Content-MD5 if an eighth of the disk is sent, or if the disk has at most 512 MiB', (t) => {
  t.equal(isOmitted({ size: 8 * GIB, send: GIB }), false);
  t.equal(isOmitted({ size: 8 * GIB, send: GIB - 512 }), true);
  t.equal(isOmitted({ size: 8 * GIB, send: GIB - 512, mode: 'auto' }), true, 'auto is the default');
  t.equal(isOmitted({ size: 512 * MIB, send: 512 }), false);
  t.equal(isOmitted({ size: 512 * MIB + 512, send: 512 }), true);
  t.end();
});

t.test('always and never decide alone', (t) => {
  for (const found of [FREE, interrupted(), interrupted(true)])
    for (const size of [GIB, 8 * GIB]) {
      t.equal(isOmitted({ size, send: 512, mode: 'always', found }), false);
      t.equal(isOmitted({ size, send: size, mode: 'never', found }), true);
    }
  t.equal(isOmitted({ size: GIB, send: GIB, mode: 'always', can: { ...PAGE_BLOB, contentMd5: false } }), true);
  t.end();
});

t.test('without an allocation map, what the file system stores is counted', (t) => {
  const fixed: Case = { size: 8 * GIB, send: 8 * GIB, types: ['fixed'] };
  t.equal(isOmitted({ ...fixed, allocated: GIB }), false);
  t.equal(isOmitted({ ...fixed, allocated: GIB - 512 }), true);
  const chain: Case = { ...fixed, types: ['differencing', 'fixed'] };
  t.equal(isOmitted({ ...chain, allocated: GIB / 2 }), false, 'of all files');
  t.equal(isOmitted({ ...chain, send: GIB - 512, allocated: GIB }), true, 'and no more than the plan sends');
  t.equal(isOmitted({ ...chain, send: GIB, allocated: 512, base: { layer: 1 } }), false, 'only if it is sent at all');
  t.equal(isOmitted({ ...fixed, types: ['dynamic'], send: GIB, allocated: 512 }), false, 'a map is exact');
  t.end();
});

t.test('auto follows the record of an interrupted push, whatever its own plan says', (t) => {
  t.equal(isOmitted({ size: GIB, send: GIB, found: interrupted(true) }), true);
  t.equal(isOmitted({ size: 8 * GIB, send: 512, found: interrupted() }), false, 'without the key it is to be set');
  t.end();
});

t.test('holes of fixed and raw disks do not count', async (t) => {
  const folder = await temporaryFolder(t);
  const writes = [{ offset: 0, data: Buffer.alloc(64 * 1024, 1) }];
  const { path } = await writeImage({ path: join(folder, 'fixed.vhd'), type: 'fixed', size: 3 * GIB, writes });
  for (const options of [{}, { format: 'raw' } as const]) {
    await using disk = await openDisk(path, options);
    const [file] = disk.openedFiles;
    t.ok(file && file.allocated > 0 && file.allocated < MIB, `${String(file?.allocated)} bytes are allocated`);
    t.equal(file?.allocated, (await disk.fileStates())[0]?.allocated);
  }
});

t.test('a push of little of a large disk leaves out Content-MD5, says so, and is complete', async (t) => {
  const { folder, pushed, uri, container, env, options } = await pullScene(t);
  const writes = [{ offset: GIB, data: Buffer.alloc(4096, 1) }];
  const { path } = await writeImage({ path: join(folder, 'thin.vhd'), type: 'dynamic', size: 3 * GIB, writes });
  {
    await using disk = await openDisk(path);
    t.match(await planPush(disk, { ...options, to: uri('thin') }), { action: 'push', contentMd5Omitted: 'auto' });
  }
  const first = await runCli(['push', path, '--to', uri('thin'), '--json'], env);
  t.equal(first.exitCode, 0, first.stderr);
  t.match(first.stderr, /Content-MD5 is left out: .*--content-md5 always sets it/);
  t.match(JSON.parse(first.stdout), { outcome: 'pushed', contentMd5Omitted: 'auto' });
  const facts = await factsOf(container, 'thin');
  t.equal(facts?.contentMd5, undefined);
  t.match(facts?.metadata, { vhdup_state: 'complete', vhdup_tree: /./ });
  t.strictSame(
    Object.keys(facts?.metadata ?? {}).filter((key) => /content_md5|to_write/.test(key)),
    [],
    'a finished blob carries nothing of it',
  );

  const again = await pushed(path, { to: uri('thin') });
  t.match(again, { outcome: 'already-there', contentMd5Omitted: 'auto', warnings: [] });
  const asked = await pushed(path, { to: uri('thin'), contentMd5: 'always' });
  t.match(asked, { outcome: 'already-there', contentMd5Omitted: undefined });
  t.match(JSON.stringify(asked.warnings), /no Content-MD5: .*under another name with `contentMd5: 'always'`/);
});

t.test('the record of an interrupted push says if Content-MD5 is left out, and a resume follows it', async (t) => {
  const { scene, uri, pushed, container, gate } = await pullScene(t);
  const interrupt = async (name: string, contentMd5?: PushOptions['contentMd5']) => {
    gate.onRequest = ({ kind }) => (kind === 'put-page' ? { status: 403 } : undefined);
    await t.rejects(pushed(scene.base, { to: uri(name), contentMd5 }));
    gate.onRequest = () => undefined;
    return (await factsOf(container, name))?.metadata['vhdup_content_md5'];
  };
  t.equal(await interrupt('set'), undefined);
  t.match(await pushed(scene.base, { to: uri('set') }), { outcome: 'resumed', contentMd5: String });

  t.equal(await interrupt('never', 'never'), 'omitted');
  t.equal(await interrupt('never'), 'omitted', 'also if it is interrupted again');
  const notes: string[] = [];
  const resumed = await pushed(scene.base, {
    to: uri('never'),
    onEvent: (event) => {
      if (event.type === 'note') notes.push(event.message);
    },
  });
  t.match(notes.join('\n'), /Content-MD5 is left out, as by the run that began this push; /);
  t.match(resumed, { outcome: 'resumed', contentMd5: undefined, contentMd5Omitted: 'auto' });

  await interrupt('always', 'never');
  t.equal(await interrupt('always', 'always'), undefined, 'an option wins, and is recorded');
  t.match(await pushed(scene.base, { to: uri('always') }), { outcome: 'resumed', contentMd5: String });

  await interrupt('off');
  t.equal(await interrupt('off', 'never'), 'omitted');
  t.match(await pushed(scene.base, { to: uri('off') }), { outcome: 'resumed', contentMd5Omitted: 'auto' });
});

t.test('--no-md5 is short for --content-md5 never, and flags that exclude each other are refused', async (t) => {
  const { scene, uri, env } = await pullScene(t);
  const push = (...flags: readonly string[]) => runCli(['push', scene.base, '--to', uri('flags'), ...flags], env);
  const refused = await push('--no-md5', '--content-md5', 'always');
  t.match(refused, { exitCode: 2, stderr: /--content-md5 always and --no-md5 cannot be used together/ });
  t.match(await push('--content-md5', 'sometimes'), { exitCode: 2 });
  const done = await push('--no-md5', '--content-md5', 'never', '--json');
  t.match(JSON.parse(done.stdout), { outcome: 'pushed', contentMd5Omitted: 'never' });
});

t.test('another value of contentMd5 is refused before anything is done', async (t) => {
  const { scene, uri, pushed, container } = await pullScene(t);
  const options: PushOptions = JSON.parse('{"contentMd5":false}');
  await t.rejects(pushed(scene.base, { ...options, to: uri('wrong') }), {
    code: 'usage',
    message: /'auto', 'always', 'never'/,
  });
  t.equal(await factsOf(container, 'wrong'), undefined);
});
