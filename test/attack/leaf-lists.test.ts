import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { encodeHeader, headerLength, parseHeader } from '../../src/digest/leaf-list.js';
import { encodeSection } from '../../src/digest/leaf-section.js';
import { TreeHasher, leafValues } from '../../src/digest/tree.js';
import { makeLeafList, openDisk, push, type PushOptions } from '../../src/index.js';
import { bytesOf, endBreak, factsOf } from '../support/blobs.js';
import { stage } from '../support/stage.js';

const LEAF = 64 * 1024;
const LEAVES = 12;

/** A disk of which leaf `n` is filled with the byte `n`; `changed` leaves have other bytes. */
function content(...changed: number[]): Buffer {
  return Buffer.concat(
    Array.from({ length: LEAVES }, (_, leaf) => Buffer.alloc(LEAF, changed.includes(leaf) ? 200 + leaf : 1 + leaf)),
  );
}

/** A list of the leaves of `bytes`, right in itself. */
function listOf(bytes: Buffer, name: string, etag?: string): Buffer {
  const values = leafValues(bytes);
  const tree = new TreeHasher(bytes.length);
  tree.add(0, values);
  const section = encodeSection({ index: 0, runs: [{ index: 0, values }] }, bytes.length);
  const { value, plainLength } = section;
  const header = encodeHeader({
    size: bytes.length,
    tree: tree.digest(),
    name,
    etag,
    sections: [{ value, plainLength, offset: 0, length: section.bytes.length }],
    sketch: Buffer.alloc(0),
  });
  return Buffer.concat([header, section.bytes]);
}

/** A base of `content()` with its list, and a rebuilt disk in which leaves 3 and 7 are others. */
async function scene(t: Test) {
  const set = await stage(t);
  const { folder, container, options, uri } = set;
  const [first, second] = [join(folder, 'v1.raw'), join(folder, 'v2.raw')];
  await writeFile(first, content());
  await writeFile(second, content(3, 7));
  const pushed = async (path: string, name: string, more: PushOptions = {}) => {
    await using disk = await openDisk(path, { format: 'raw' });
    const result = await push(disk, { ...options, cacheFolder: false, to: uri(name), ...more });
    await endBreak(container, name);
    return result;
  };
  await pushed(first, 'v1');
  const list = container.getBlockBlobClient('v1.vhdup-leaves');
  const put = (bytes: Buffer) => list.upload(bytes, bytes.length);
  const over = (name = 'v2', more: PushOptions = {}) =>
    pushed(second, name, { base: uri('v1'), compare: 'leaves', ...more });
  const isSecond = async (name = 'v2') => (await bytesOf(container, name)).subarray(0, -512).equals(content(3, 7));
  return { ...set, list, put, over, pushed, first, second, isSecond };
}

t.test(
  'a list of the new disk that claims to have been read from the base as it is does not pass for that of the base',
  async (t) => {
    const { container, put, over, isSecond } = await scene(t);
    const before = await factsOf(container, 'v1');
    const { etag = '' } = await container.getPageBlobClient('v1').getProperties();
    await put(listOf(content(3, 7), 'v1', etag.replaceAll('"', '')));
    await t.rejects(over(), {
      code: 'base-mismatch',
      message: /its tree digest is not that of the blob/,
      hint: /makes the list/,
    });
    await over('v2', { readBase: true });
    t.ok(await isSecond());
    t.strictSame(await factsOf(container, 'v1'), before, 'the base is as it was');
  },
);

t.test(
  'a list of another content, size or form is refused before anything is copied, and what helps is said',
  async (t) => {
    const { gate, put, over } = await scene(t);
    const right = listOf(content(), 'v1');
    const damaged = Buffer.from(right);
    damaged[60] = (damaged[60] ?? 0) ^ 1;
    for (const { what, bytes, message } of [
      { what: 'of the new disk', bytes: listOf(content(3, 7), 'v1'), message: /another disk/ },
      { what: 'of a smaller disk', bytes: listOf(content().subarray(LEAF), 'v1'), message: /another size/ },
      { what: 'of an old ETag', bytes: listOf(content(3, 7), 'v1', '0x1'), message: /another disk/ },
      { what: 'cut in its header', bytes: right.subarray(0, 100), message: /cut short/ },
      { what: 'damaged', bytes: damaged, message: /header is damaged/ },
      { what: 'text', bytes: Buffer.from('hello'), message: /not a list of leaves/ },
      { what: 'empty', bytes: Buffer.alloc(0), message: /there is no such list/ },
    ]) {
      await put(bytes);
      gate.records = [];
      await t.rejects(over(), { code: 'base-mismatch', message, hint: /makeLeafList|vhdup leaves/ }, what);
      t.notOk(
        gate.records.some(({ kind }) => kind === 'copy' || kind === 'create'),
        `${what}: nothing is made`,
      );
    }
  },
);

t.test(
  'a section that is damaged is refused, and vhdup leaves makes the list again, as the message says',
  async (t) => {
    const { options, uri, list, put, over, isSecond } = await scene(t);
    const right = await list.downloadToBuffer();
    const wrong = Buffer.from(right);
    const end = headerLength(wrong);
    t.equal(parseHeader(wrong, wrong.length).sections.length, 1);
    wrong.fill(0x55, end + 4);
    await put(wrong);
    await t.rejects(over(), { code: 'base-mismatch', hint: /makes the list again/ });
    t.match(await makeLeafList(uri('v1'), { environment: options.environment }), { outcome: 'made' });
    await over();
    t.ok(await isSecond());
    t.match(await makeLeafList(uri('v1'), { environment: options.environment }), { outcome: 'already-there' });
  },
);

t.test('with a damaged section the base itself or its disk is read, if that is allowed', async (t) => {
  const { list, put, over, first, isSecond } = await scene(t);
  const wrong = await list.downloadToBuffer();
  wrong.fill(0x55, headerLength(wrong) + 4);
  await put(wrong);
  await over('by-base', { readBase: true });
  t.ok(await isSecond('by-base'));
  await using baseDisk = await openDisk(first, { format: 'raw' });
  await over('by-disk', { baseDisk });
  t.ok(await isSecond('by-disk'));
});

t.test('a section without bytes whose value is not zero is damage', async (t) => {
  const { list, put, over } = await scene(t);
  const right = await list.downloadToBuffer();
  const { size, tree, sections } = parseHeader(right, right.length);
  const none = sections.map(({ value }) => ({ value, offset: 100_000, length: 0, plainLength: 0 }));
  const header = encodeHeader({ size, tree, name: 'v1', etag: undefined, sections: none, sketch: Buffer.alloc(0) });
  await put(Buffer.concat([header, Buffer.alloc(200_000)]));
  await t.rejects(over(), { code: 'base-mismatch', message: /without its leaves/ });
});
