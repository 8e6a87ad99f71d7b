import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openDisk, push, type PushOptions } from '../../src/index.js';
import { writeImage } from '../../fixtures/vhd.js';
import { azureScene } from '../support/azure-scene.js';
import { bytesOf } from '../support/blobs.js';
import { temporaryFolder } from '../support/folder.js';
import { atNth, type Fault } from '../support/gate.js';

const RANGES = 10_000;
const LENGTH = 1024;
const SIZE = RANGES * LENGTH;
const PAGE_SIZE = 500;
const FAULTS: readonly Fault[] = ['server-busy', 'reset-after-body', 'answer-lost', 'truncated', 'halved'];

async function setting(t: Test) {
  const scene = await azureScene(t);
  const listings = (kind: 'page-ranges' | 'list') => scene.gate.records.filter((record) => record.kind === kind);
  return { ...scene, listings };
}

t.test('10,000 page ranges are listed page by page: a fault costs one page', async (t) => {
  const { azurite, gate, container, blobAt, listings } = await setting(t);
  const direct = container.getPageBlobClient('disk');
  await direct.create(SIZE);
  for (let at = 0; at < SIZE; at += 4 * 1024 * 1024)
    await direct.uploadPages(
      Buffer.alloc(Math.min(4 * 1024 * 1024, SIZE - at), 1),
      at,
      Math.min(4 * 1024 * 1024, SIZE - at),
    );
  t.equal(azurite.splitPages('vhds', 'disk', LENGTH), RANGES);
  const expected = Array.from({ length: RANGES }, (_, index) => ({ offset: index * LENGTH, length: LENGTH }));
  gate.pageSize = PAGE_SIZE;
  const { blob } = await blobAt('disk');
  const isExpected = (found: object) => JSON.stringify(found) === JSON.stringify(expected);
  for (const fault of ['server-busy', 'truncated', 'halved'] as const) {
    gate.records = [];
    gate.faults = atNth('page-ranges', 11, fault);
    t.ok(isExpected(await blob.pageRanges({})), fault);
    t.equal(listings('page-ranges').length, RANGES / PAGE_SIZE + 1, `${fault}: one page was asked for again`);
  }
});

t.test('a container is listed page by page too, and each page has its own time', async (t) => {
  const { gate, container, blobAt, listings } = await setting(t);
  const names = Array.from({ length: 9 }, (_, index) => `blob-${index}`);
  for (const name of names) await container.getPageBlobClient(name).create(512);
  gate.pageSize = 2;
  const { container: listed } = await blobAt('blob-0');
  for (const fault of FAULTS) {
    gate.records = [];
    gate.faults = atNth('list', 3, fault);
    t.strictSame(
      (await listed.pageBlobs()).map(({ name }) => name),
      names,
      fault,
    );
    t.equal(listings('list').length, 6, fault);
  }
  gate.faults = () => 'slow';
  gate.slowMs = 500;
  const { container: hurried } = await blobAt('blob-0', { deadlineMs: 2000 });
  t.equal((await hurried.pageBlobs()).length, names.length, 'all pages together take longer than one request may');
});

t.test(
  'a push is resumed over 10,000 page ranges, listed in pages with trouble in the middle, and sends what is missing',
  async (t) => {
    const { azurite, gate, container, listings } = await setting(t);
    const folder = await temporaryFolder(t);
    const content = randomBytes(SIZE);
    const { path } = await writeImage({
      path: join(folder, 'many.vhd'),
      type: 'fixed',
      size: SIZE,
      writes: [{ offset: 0, data: content }],
    });
    const options: PushOptions = {
      to: `${gate.url}/vhds/many`,
      environment: gate.env,
      stateFolder: folder,
      cacheFolder: false,
      retry: { attempts: 4, firstDelayMs: 1, maxDelayMs: 5 },
    };
    const pushed = async () => {
      await using disk = await openDisk(path);
      return await push(disk, options);
    };
    gate.onRequest = ({ kind, range }) => (kind === 'put-page' && range?.offset === SIZE ? { status: 403 } : undefined);
    await t.rejects(pushed(), { code: 'not-authorised' });
    gate.onRequest = () => undefined;
    const isMissing = (offset: number) => offset % (LENGTH * 1000) === LENGTH * 501;
    t.equal(
      azurite.splitPages('vhds', 'many', LENGTH, (offset) => !isMissing(offset)),
      RANGES - 10,
    );

    gate.pageSize = PAGE_SIZE;
    gate.records = [];
    gate.faults = atNth('page-ranges', 9, 'truncated', 2);
    t.match(await pushed(), { outcome: 'resumed', sent: 10 * LENGTH + 512 });
    t.equal(listings('page-ranges').length, RANGES / PAGE_SIZE + 2);
    t.ok((await bytesOf(container, 'many')).subarray(0, -512).equals(content));
  },
);

t.test('an answer that is no whole listing is asked for again, and never taken for a listing of nothing', async (t) => {
  const { gate, container, blobAt, listings } = await setting(t);
  await container.getPageBlobClient('disk').create(512);
  await container.getPageBlobClient('disk').uploadPages(Buffer.alloc(512, 1), 0, 512);
  const { blob, container: listed } = await blobAt('disk', { attempts: 3 });
  for (const body of [
    '',
    '<html><body>sign in to this network</body></html>',
    '<?xml version="1.0"?><PageList><PageRange><Start>0</Start>',
    '{"a":1}',
    '<PageListed></PageListed>',
    '<?xml version="1.0"?><PageList><PageRange></PageList>',
    '<?xml version="1.0"?><EnumerationResults><Blobs><Blob></EnumerationResults>',
  ]) {
    for (const kind of ['page-ranges', 'list'] as const) {
      const ask = (): Promise<readonly unknown[]> => (kind === 'list' ? listed.pageBlobs() : blob.pageRanges({}));
      gate.records = [];
      let left = Infinity;
      gate.onRequest = (record) =>
        record.kind === kind && left-- > 0
          ? { status: 200, headers: { 'content-type': 'application/xml' }, body }
          : undefined;
      const error: unknown = await ask().catch((caught: unknown) => caught);
      t.match(
        error,
        { code: 'transfer-failed', message: /the answer is (not a complete listing|not the XML that it should be)$/ },
        `${kind}: ${body}`,
      );
      t.notMatch(String(error), /\[object/);
      t.equal(listings(kind).length, 3, 'it was tried as often as other trouble');
      left = 1;
      t.equal((await ask()).length, 1, 'once is mended');
    }
  }
});

t.test(
  'a listing that comes back to where it was, goes on without items, or never ends, ends with an error that says so',
  async (t) => {
    const { gate, blobAt, listings } = await setting(t);
    const { blob, container: listed } = await blobAt('disk');
    const answers = {
      'page-ranges': (items: string, marker: string) =>
        `<?xml version="1.0"?><PageList>${items}<NextMarker>${marker}</NextMarker></PageList>`,
      list: (items: string, marker: string) =>
        `<?xml version="1.0"?><EnumerationResults><Blobs>${items}</Blobs><NextMarker>${marker}</NextMarker></EnumerationResults>`,
    };
    const itemOf = {
      'page-ranges': '<PageRange><Start>0</Start><End>511</End></PageRange>',
      list: '<Blob><Name>a</Name><Properties><BlobType>PageBlob</BlobType></Properties></Blob>',
    };
    for (const kind of ['page-ranges', 'list'] as const) {
      const ask = (): Promise<readonly unknown[]> => (kind === 'list' ? listed.pageBlobs() : blob.pageRanges({}));
      const answered = (answer: (page: number) => string) => {
        gate.records = [];
        let page = 0;
        gate.onRequest = (record) =>
          record.kind === kind
            ? { status: 200, headers: { 'content-type': 'application/xml' }, body: answer(++page) }
            : undefined;
      };
      answered(() => answers[kind](itemOf[kind], 'the same'));
      await t.rejects(ask(), { code: 'transfer-failed', message: /comes back to where it was/ });
      t.equal(listings(kind).length, 2);
      answered((page) => answers[kind](itemOf[kind], `m${page % 3}`));
      await t.rejects(ask(), { code: 'transfer-failed', message: /comes back to where it was/ });
      t.equal(listings(kind).length, 4);
      answered((page) => answers[kind]('', `m${page}`));
      await t.rejects(ask(), { code: 'transfer-failed', message: /51 pages in a row are empty/ });
      answered((page) => answers[kind](page % 50 === 0 ? itemOf[kind] : '', page < 200 ? `m${page}` : ''));
      t.equal((await ask()).length, 4, 'empty pages now and then are fine: the service sends them');
    }
    let page = 0;
    gate.onRequest = ({ kind }) =>
      kind === 'page-ranges'
        ? {
            status: 200,
            headers: { 'content-type': 'application/xml' },
            body: answers[kind](itemOf[kind], `m${++page}`),
          }
        : undefined;
    await t.rejects(blob.pageRanges({}), { code: 'transfer-failed', message: /no end: 10000 pages/ });
  },
);

t.test('whatever is thrown, the message says something', async (t) => {
  const { blobAt } = await setting(t);
  const { blob } = await blobAt('disk');
  for (const [thrown, said] of [
    [{ reason: 'odd' }, 'odd'],
    [{ message: 'plain' }, 'plain'],
    [null, 'null'],
    [[1, 2], '1, 2'],
  ] as const) {
    await t.rejects(
      blob.run('do it', () => Promise.reject(thrown as unknown as Error)),
      { message: said },
    );
  }
});
