import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { parseBlobUri } from '../../src/azure/location.js';
import { PageBlobDestination } from '../../src/destination/page-blob.js';
import type { WriterRequest } from '../../src/destination/destination.js';
import { md5 } from '../../src/digest/md5.js';
import type { PushRecord } from '../../src/protocol/push-record.js';
import { Session } from '../../src/session/session.js';
import { bytesOf, containerOf } from '../support/blobs.js';
import { startGate } from '../support/gate.js';
import { leaseScene } from '../support/lease-scene.js';

const record: PushRecord = {
  ...{ state: 'writing', fingerprint: 'f', times: 't', id: 'i', parentId: undefined, base: undefined },
  holder: 'web-7/12',
};

async function destinationScene(t: Test) {
  const scene = await leaseScene(t);
  const { client, stateFolder } = await scene.made('other');
  const at = (name: string) =>
    PageBlobDestination.at(scene.session, parseBlobUri(client.url.replace(/other$/, name)), stateFolder);
  return { ...scene, at, destination: await at('disk') };
}

const request = (): WriterRequest => ({ root: randomUUID(), recordedRoot: undefined, untouched: undefined });

async function seenAt(destination: PageBlobDestination) {
  const seen = await destination.inspect();
  if (!seen) throw new Error('nothing is there');
  return seen;
}

t.test('a destination is made once, under its ETag or where nothing is', async (t) => {
  const { destination } = await destinationScene(t);
  t.equal(await destination.inspect(), undefined);
  const etag = await destination.create(1024, record, undefined);
  t.match(await destination.inspect(), {
    ...{ size: 1024, etag, contentMd5: undefined, copy: 'none' },
    verdict: { state: 'unfinished-push', record: { fingerprint: 'f' } },
  });
  await t.rejects(destination.create(1024, record, undefined), { code: 'destination-exists' });
  await t.rejects(destination.create(2048, record, '"0x1"'), { message: /ConditionNotMet/ });
  await destination.create(2048, record, etag);
  t.match(await destination.inspect(), { size: 2048 });
});

t.test('one that is leased cannot be made again, and the error names the holder', async (t) => {
  const { destination } = await destinationScene(t);
  const etag = await destination.create(1024, record, undefined);
  await using writer = await destination.open(await seenAt(destination), request());
  t.equal(writer.isProved, false);
  await t.rejects(destination.create(1024, record, etag), {
    code: 'destination-busy',
    message: /it cannot be replaced: it is leased \(held by web-7, process 12\)/,
  });
});

t.test('a writer writes, clears, resizes and completes', async (t) => {
  const { destination } = await destinationScene(t);
  await destination.create(1024, record, undefined);
  const [page, footer] = [randomBytes(512), randomBytes(512)];
  {
    await using writer = await destination.open(await seenAt(destination), request());
    t.equal(writer.isProved, false);
    await writer.fence();
    t.equal(writer.isProved, true);
    await writer.resize(2048);
    await writer.write(0, page, await md5(page));
    await writer.write(512, page, await md5(page));
    await writer.clear({ offset: 512, length: 512 });
    t.strictSame(await writer.pageRanges(), [{ offset: 0, length: 512 }]);
    const into = Buffer.alloc(512);
    await writer.readInto(0, into);
    t.ok(into.equals(page));
    await writer.complete({
      footer: { bytes: footer, md5: await md5(footer) },
      footerOffset: 1536,
      identity: record,
      digests: { md5: Buffer.alloc(16, 7), tree: Buffer.alloc(32, 9) },
    });
  }
  const seen = await seenAt(destination);
  t.match(seen.verdict, { state: 'finished', record: { state: 'complete', holder: undefined } });
  t.equal(seen.verdict.record?.digests?.tree, '09'.repeat(32));
  t.ok(seen.contentMd5?.equals(Buffer.alloc(16, 7)));
  t.ok((await destination.readFooter(seen))?.equals(footer));
});

t.test('a writer keeps the keys of other tools when it saves its record', async (t) => {
  const { at, made } = await destinationScene(t);
  const { client } = await made('kept', { owner: 'me' });
  const destination = await at('kept');
  await using writer = await destination.open(await seenAt(destination), request());
  await writer.saveRecord(await writer.inspect(), record);
  t.match((await client.getProperties()).metadata, { owner: 'me', vhdup_fingerprint: 'f' });
});

t.test('what was seen is read as it was, or not at all', async (t) => {
  const { at, made } = await destinationScene(t);
  const { client } = await made('seen');
  const destination = await at('seen');
  const seen = await seenAt(destination);
  const content = destination.contentOf(seen);
  t.strictSame(await content.pageRanges(), []);
  await client.uploadPages(randomBytes(512), 0, 512);
  t.equal(await destination.readFooter(seen), undefined);
  await t.rejects(content.readInto(0, Buffer.alloc(512)), { code: 'source-changed', message: /while it was compared/ });
  await client.delete();
  t.equal(await destination.readFooter(seen), undefined);
});

t.test('a copy is proved to be one only if nothing was written to it since', async (t) => {
  const { at, made, session } = await destinationScene(t);
  const { client, blob } = await made('base');
  await client.uploadPages(randomBytes(512), 0, 512);
  const properties = await blob.properties();
  if (!properties) throw new Error('the base is gone');
  const destination = await at('copy');
  await destination.copyFrom({ blob, properties }, { ...record, state: 'clearing' }, undefined);
  const { failure, untouched } = await destination.waitForCopy(() => undefined);
  t.equal(failure, undefined);
  t.equal(untouched, (await seenAt(destination)).etag);
  await destination.cleanUpCopy({ blob, properties }, 'f');
  t.strictSame(session.warnings, []);
  // Last-Modified has whole seconds.
  await sleep(1100);
  const writer = await destination.open(await seenAt(destination), request());
  await writer.saveRecord(await writer.inspect(), record);
  await writer.giveUp();
  t.equal((await destination.waitForCopy(() => undefined)).untouched, undefined);
  await t.rejects(destination.copyFrom({ blob, properties }, record, '"0x1"'), { message: /ConditionNotMet/ });
});

t.test('a writer has ranges of a base copied by the service, under its lease', async (t) => {
  const { azurite, made, folder } = await destinationScene(t);
  const gate = await startGate(azurite, { copiesRanges: true });
  t.teardown(() => gate.stop());
  const { client } = await made('base');
  const page = randomBytes(512);
  await client.uploadPages(page, 512, 512);
  const session = new Session({ environment: gate.env });
  const blob = await session.blob(parseBlobUri(`${gate.url}/vhds/base`));
  const properties = await blob.properties();
  if (!properties) throw new Error('the base is gone');
  const source = { base: { blob, properties }, offset: 512, md5: await md5(page) };
  const destination = await PageBlobDestination.at(session, parseBlobUri(`${gate.url}/vhds/disk`), folder);
  await destination.create(1024, record, undefined);
  const range = { offset: 0, length: 512 };
  const writer = await destination.open(await seenAt(destination), request());
  t.strictSame(await writer.copyRange(range, source), { kind: 'copied' });
  t.ok((await bytesOf(await containerOf(azurite, 'vhds'), 'disk')).equals(Buffer.concat([page, Buffer.alloc(512)])));
  const [copy] = gate.records.filter(({ kind }) => kind === 'copy-range');
  t.type(copy?.headers['x-ms-lease-id'], 'string');
  t.match(await writer.copyRange(range, { ...source, offset: 0 }), { kind: 'refused', isForGood: false });
  await client.setMetadata({ changed: 'yes' });
  await t.rejects(writer.copyRange(range, source), { code: 'base-mismatch' });
  await writer.giveUp();
  const changed = await blob.properties();
  if (!changed) throw new Error('the base is gone');
  const base = { blob, properties: changed };
  await t.rejects(writer.copyRange(range, { ...source, base }), { code: 'lease-lost' }, 'as a write is');
});
