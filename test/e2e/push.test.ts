import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { ContainerSASPermissions } from '@azure/storage-blob';
import t from 'tap';
import { setChecksum } from '../../fixtures/vhd.js';
import { startAzurite } from '../support/azurite.js';
import { bytesOf, containerOf, endBreak, factsOf, hideWrites } from '../support/blobs.js';
import { runCli } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';
import { startGate } from '../support/gate.js';
import { threeLevels } from '../support/push-scene.js';
import { stage } from '../support/stage.js';
import { startStockAzurite } from '../support/stock-azurite.js';

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('base64');

for (const stock of [false, true]) {
  t.test(`${stock ? 'on a stock Azurite' : 'on a repaired Azurite'}: base, then grandchild over it`, async (t) => {
    const folder = await temporaryFolder(t);
    const azurite = stock ? await startStockAzurite(folder) : await startAzurite();
    t.teardown(() => azurite.stop());
    const gate = await startGate(azurite);
    t.teardown(() => gate.stop());
    const container = await containerOf(azurite, 'vhds');
    const scene = await threeLevels(folder);
    const env = { ...gate.env, VHDUP_STATE_DIR: join(folder, 'state') };
    const uri = (name: string) => `${gate.url}/vhds/${name}`;

    const first = await runCli(['push', scene.base, '--to', uri('base.vhd'), '--json'], env);
    t.equal(first.exitCode, 0, first.stdout + first.stderr);
    const base = await bytesOf(container, 'base.vhd');
    t.ok(base.subarray(0, -512).equals(scene.baseContent), 'the base is what the disk reads as');
    await endBreak(container, 'base.vhd');
    const before = await factsOf(container, 'base.vhd');
    t.equal(before?.contentMd5, md5(base), 'Content-MD5 is that of the blob');

    const second = await runCli(['push', scene.child, '--base', uri('base.vhd'), '--json'], env);
    t.equal(second.exitCode, 0, second.stdout + second.stderr);
    const result = JSON.parse(second.stdout) as { vhdup: number; sent: number; copied: number; outcome: string };
    t.equal(result.vhdup, 2);
    t.equal(result.copied, base.length);
    t.ok(result.sent < 1024 * 1024, `only the differences are sent: ${result.sent}`);
    const child = await bytesOf(container, 'child.vhd');
    t.ok(child.subarray(0, -512).equals(scene.content), 'the destination is the flattened chain');
    t.equal((await factsOf(container, 'child.vhd'))?.contentMd5, md5(child));
    t.match(
      (await factsOf(container, 'child.vhd'))?.leaseState,
      /^(breaking|broken)$/,
      'the lease ends by itself, in a second or two',
    );

    t.strictSame(await factsOf(container, 'base.vhd'), before, 'the base is as it was, ETag included');
    t.ok((await bytesOf(container, 'base.vhd')).equals(base), 'and byte for byte');
    let snapshots = 0;
    for await (const { snapshot } of container.listBlobsFlat({ includeSnapshots: true })) snapshots += snapshot ? 1 : 0;
    t.equal(snapshots, 0, 'no snapshot is left behind');

    const again = await runCli(['push', scene.child, '--base', uri('base.vhd'), '--json'], env);
    t.equal(again.exitCode, 0);
    t.match(JSON.parse(again.stdout), { outcome: 'already-there', sent: 0 });
  });
}

t.test('the variations of a push', async (t) => {
  const azurite = await startAzurite();
  const gate = await startGate(azurite);
  t.teardown(() => azurite.stop());
  t.teardown(() => gate.stop());
  const container = await containerOf(azurite, 'vhds');
  const pushed = async (folder: string, ...args: string[]) => {
    const run = await runCli(['push', ...args, '--json'], { ...gate.env, VHDUP_STATE_DIR: join(folder, 'state') });
    const result = JSON.parse(run.stdout) as Record<string, unknown> & {
      error?: { code: string; message: string; hint?: string };
    };
    if (run.exitCode === 0 && result['outcome'] !== undefined)
      await endBreak(
        container,
        decodeURIComponent(new URL(String(result['blob'])).pathname.split('/').slice(3).join('/')),
      );
    return { ...run, result };
  };
  const uri = (name: string) => `${gate.url}/vhds/${name}`;

  for (const [what, childSize] of [
    ['grew', 11 * 1024 * 1024],
    ['shrank', 6 * 1024 * 1024 + 1024 * 1024],
  ] as const) {
    t.test(`a child that ${what} gets a blob of its own size, and nothing of the base's footer`, async (t) => {
      const folder = await temporaryFolder(t);
      const scene = await threeLevels(folder, { baseType: 'fixed', childSize });
      t.equal((await pushed(folder, scene.base, '--to', uri(`${what}-base`))).exitCode, 0);
      const { exitCode, stdout, stderr } = await pushed(
        folder,
        scene.child,
        '--base',
        uri(`${what}-base`),
        '--to',
        uri(what),
      );
      t.equal(exitCode, 0, stdout + stderr);
      t.ok((await bytesOf(container, what)).subarray(0, -512).equals(scene.content));
    });
  }

  t.test('a fixed disk becomes a blob equal to the file', async (t) => {
    const folder = await temporaryFolder(t);
    const scene = await threeLevels(folder, { baseType: 'fixed' });
    t.equal((await pushed(folder, scene.base, '--to', `${gate.url}/vhds/`)).exitCode, 0);
    t.ok((await bytesOf(container, 'base disk.vhd')).equals(await readFile(scene.base)), "and its name is the file's");
  });

  t.test('the disk itself as a base: nothing is sent but the footer', async (t) => {
    const folder = await temporaryFolder(t);
    const scene = await threeLevels(folder);
    t.equal((await pushed(folder, scene.child, '--to', uri('self'))).exitCode, 0);
    const { result } = await pushed(folder, scene.child, '--base', uri('self'), '--to', uri('self-copy'));
    t.match(result, { outcome: 'pushed', sent: 512 });
    t.ok((await bytesOf(container, 'self-copy')).subarray(0, -512).equals(scene.content));
  });

  t.test('--base auto takes the nearest ancestor, and sends everything where there is none', async (t) => {
    const folder = await temporaryFolder(t);
    const scene = await threeLevels(folder);
    const none = await pushed(folder, scene.base, '--base', 'auto', '--to', uri('auto/base'));
    t.match(none.result, { outcome: 'pushed', copied: 0 });
    t.match((await pushed(folder, scene.child, '--base', 'auto', '--to', uri('auto/over-base'))).result.base, {
      blob: uri('auto/base'),
      layer: 2,
    });
    t.equal((await pushed(folder, scene.middle, '--to', uri('auto/middle'))).exitCode, 0);
    await container.getBlobClient('auto/over-base').delete();
    t.match((await pushed(folder, scene.child, '--base', 'auto', '--to', uri('auto/over-middle'))).result.base, {
      blob: uri('auto/middle'),
      layer: 1,
    });
    t.ok((await bytesOf(container, 'auto/over-middle')).subarray(0, -512).equals(scene.content));
    await container.getBlobClient('auto/over-middle').delete();
    await container.getBlobClient('auto/middle').setMetadata({});
    await container.getBlobClient('auto/base').setMetadata({});
    t.match(
      (await pushed(folder, scene.child, '--base', 'auto', '--to', uri('auto/by-footer'))).result.base,
      { layer: 1 },
      'found by its footer',
    );
  });

  t.test('a base that cannot be trusted is refused, with what to do', async (t) => {
    const folder = await temporaryFolder(t);
    const scene = await threeLevels(folder);
    await pushed(folder, scene.base, '--to', uri('untrusted'));
    const blob = container.getPageBlobClient('untrusted');
    const { contentMD5 } = await blob.getProperties();
    await hideWrites(container, 'untrusted');
    const refused = async (message: RegExp, ...more: string[]) => {
      const { exitCode, result } = await pushed(folder, scene.child, '--base', uri('untrusted'), ...more);
      t.equal(exitCode, 4);
      t.match(result.error, { code: 'base-mismatch', message, hint: /./ });
      t.equal(await factsOf(container, 'child.vhd'), undefined, 'no destination was made');
    };
    await blob.setHTTPHeaders({});
    await refused(/no Content-MD5/);
    await blob.setHTTPHeaders({ blobContentMD5: Buffer.alloc(16, 7) });
    await refused(/Content-MD5 differs from that of the local ancestor/);
    const byId = await pushed(
      folder,
      scene.child,
      '--base',
      uri('untrusted'),
      '--base-check',
      'id',
      '--to',
      uri('by-id'),
    );
    t.equal(byId.exitCode, 0);
    t.match(byId.result['warnings'], [{ code: 'size-not-mib' }, { code: 'base-by-id' }, { code: 'base-not-sealed' }]);
    await blob.setHTTPHeaders(contentMD5 ? { blobContentMD5: contentMD5 } : {});
    const tail = await blob.downloadToBuffer((await blob.getProperties()).contentLength! - 512, 512);
    tail.fill(0, 68, 84);
    tail.writeUInt32BE(0, 64);
    tail.writeUInt32BE(~tail.reduce((sum, byte) => sum + byte, 0) >>> 0, 64);
    await blob.uploadPages(tail, scene.baseContent.length, 512);
    await refused(/all zeros/, '--compare', 'layers');
    await blob.clearPages(scene.baseContent.length, 512);
    await refused(/not a fixed VHD/);
  });

  t.test('something else at the destination is left alone, unless --overwrite', async (t) => {
    const folder = await temporaryFolder(t);
    const scene = await threeLevels(folder);
    const blob = container.getPageBlobClient('taken');
    await blob.create(1024);
    const { exitCode, result } = await pushed(folder, scene.child, '--to', uri('taken'));
    t.equal(exitCode, 5);
    t.match(result.error, { code: 'destination-exists', hint: /--overwrite/ });
    t.equal((await factsOf(container, 'taken'))?.size, 1024);
    t.equal((await pushed(folder, scene.child, '--to', uri('taken'), '--overwrite')).exitCode, 0);
    t.ok((await bytesOf(container, 'taken')).subarray(0, -512).equals(scene.content));
    await pushed(folder, scene.base, '--to', uri('taken-base'));
    t.equal(
      (await pushed(folder, scene.middle, '--base', uri('taken-base'), '--to', uri('taken'), '--overwrite')).exitCode,
      0,
      'also with a base',
    );
  });

  t.test('a plan promises no less than what is sent, and changes nothing', async (t) => {
    const folder = await temporaryFolder(t);
    const scene = await threeLevels(folder);
    await pushed(folder, scene.base, '--to', uri('plan-base'));
    const { result: plan } = await pushed(
      folder,
      scene.child,
      '--base',
      uri('plan-base'),
      '--to',
      uri('planned'),
      '--dry-run',
    );
    t.equal(await factsOf(container, 'planned'), undefined);
    gate.records.length = 0;
    const { result } = await pushed(folder, scene.child, '--base', uri('plan-base'), '--to', uri('planned'));
    const puts = gate.records.filter(({ kind }) => kind === 'put-page');
    const sent = puts.reduce((sum, { bodyLength }) => sum + bodyLength, 0);
    t.equal(sent, result['sent'], 'the result tells the truth');
    t.ok(sent <= (plan['totals'] as { send: number }).send);
    t.ok(
      puts.every(({ headers, bodyLength }) => headers['content-md5'] !== undefined && bodyLength <= 4 * 1024 * 1024),
      'each at most 4 MiB with its MD5',
    );
    t.equal(puts.at(-1)?.range?.offset, scene.content.length, 'the footer is the last');
  });
});

t.test(
  'a base that is a snapshot: refused on an emulator, where the copy would change it; copied on the service',
  async (t) => {
    const folder = await temporaryFolder(t);
    const azurite = await startAzurite();
    const gate = await startGate(azurite);
    t.teardown(() => azurite.stop());
    t.teardown(() => gate.stop());
    const container = await containerOf(azurite, 'vhds');
    const scene = await threeLevels(folder);
    const env = { ...gate.env, VHDUP_STATE_DIR: join(folder, 'state') };
    await runCli(['push', scene.base, '--to', `${gate.url}/vhds/base`], env);
    const { snapshot } = await container.getPageBlobClient('base').createSnapshot();
    const args = ['push', scene.child, '--base', `${gate.url}/vhds/base?snapshot=${snapshot}`, '--json'];
    t.equal((await runCli(args, env)).exitCode, 4);
    t.equal(await factsOf(container, 'child.vhd'), undefined);
    gate.hidesEmulator = true;
    const { exitCode, stdout } = await runCli(args, env);
    t.equal(exitCode, 0, stdout);
    t.match(JSON.parse(stdout), { base: { protection: 'it is a snapshot' }, warnings: [] });
    t.ok((await bytesOf(container, 'child.vhd')).subarray(0, -512).equals(scene.content));
  },
);

t.test('blobs of older uploaders, padded to whole blocks, are bases too', async (t) => {
  const { folder, container, env, uri } = await stage(t);
  const scene = await threeLevels(folder);
  const footer = (await readFile(scene.base)).subarray(-512);
  const padded = Math.ceil(scene.baseContent.length / (2 * 1024 * 1024)) * 2 * 1024 * 1024;
  footer.writeUInt32BE(2, 60);
  footer.fill(0xff, 16, 24);
  for (const sizes of [scene.baseContent.length, padded]) {
    footer.writeBigUInt64BE(BigInt(sizes), 48);
    setChecksum(footer, 64);
    const bytes = Buffer.concat([scene.baseContent, Buffer.alloc(padded - scene.baseContent.length), footer]);
    const blob = container.getPageBlobClient(`padded-${sizes}`);
    await blob.create(bytes.length, { blobHTTPHeaders: { blobContentMD5: createHash('md5').update(bytes).digest() } });
    for (let at = 0; at < bytes.length; at += 4 * 1024 * 1024)
      await blob.uploadPages(
        bytes.subarray(at, at + 4 * 1024 * 1024),
        at,
        Math.min(4 * 1024 * 1024, bytes.length - at),
      );
    const { exitCode, stdout } = await runCli(
      ['push', scene.child, '--base', uri(`padded-${sizes}`), '--to', uri(`over-${sizes}`), '--json'],
      env,
    );
    t.equal(exitCode, 0, stdout);
    const result = await bytesOf(container, `over-${sizes}`);
    t.ok(result.subarray(0, -512).equals(scene.content), "and the destination has the disk's own size");
  }
});

for (const emulator of [false, true]) {
  t.test(`a SAS is enough, in the URI or the environment${emulator ? ', also on an emulator' : ''}`, async (t) => {
    const folder = await temporaryFolder(t);
    const azurite = await startAzurite({ repair: !emulator });
    const gate = await startGate(azurite);
    t.teardown(() => azurite.stop());
    t.teardown(() => gate.stop());
    gate.hidesEmulator = !emulator;
    const container = await containerOf(gate, 'vhds');
    const scene = await threeLevels(folder);
    const url = await container.generateSasUrl({
      permissions: ContainerSASPermissions.parse('racwdl'),
      expiresOn: new Date(Date.now() + 3_600_000),
    });
    const sas = new URL(url).search.slice(1);
    const env = { VHDUP_STATE_DIR: join(folder, 'state') };
    const first = await runCli(['push', scene.base, '--to', `${gate.url}/vhds/base?${sas}`], env);
    t.equal(first.exitCode, 0, first.stderr);
    await endBreak(container, 'base');
    const before = await factsOf(container, 'base');
    for (const [name, args, more] of [
      ['by-base', ['--base', `${gate.url}/vhds/base?${sas}`, '--to', `${gate.url}/vhds/by-base`], {}],
      ['by-to', ['--base', `${gate.url}/vhds/base`, '--to', `${gate.url}/vhds/by-to?${sas}`], {}],
      [
        'by-environment',
        ['--base', `${gate.url}/vhds/base`, '--to', `${gate.url}/vhds/by-environment`],
        { AZURE_STORAGE_ACCOUNT: 'devstoreaccount1', AZURE_STORAGE_SAS_TOKEN: `?${sas}` },
      ],
    ] as const) {
      const { exitCode, stderr } = await runCli(['push', scene.child, ...args], { ...env, ...more });
      t.equal(exitCode, 0, name + stderr);
      t.ok((await bytesOf(container, name)).subarray(0, -512).equals(scene.content));
      t.notMatch(JSON.stringify(await factsOf(container, name)), /sig=/, 'no signature in the metadata');
    }
    t.strictSame(await factsOf(container, 'base'), before);
    t.ok((await bytesOf(container, 'base')).subarray(0, -512).equals(scene.baseContent), 'the base is intact');
  });
}
