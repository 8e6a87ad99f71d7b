import t from 'tap';
import type { ListedBlob } from '../../src/azure/container.js';
import { allSeriesIn, seriesIn } from '../../src/protocol/image-series.js';
import { withPushRecord, type PushRecord } from '../../src/protocol/push-record.js';

const md5 = Buffer.alloc(16, 1);
const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));

/** A finished version of an image, as a listing has it. */
function listed(name: string, record: Partial<PushRecord> = {}, more: Partial<ListedBlob> = {}): ListedBlob {
  return {
    name,
    type: 'PageBlob',
    size: 1024,
    contentMd5: md5,
    lastModified: at(0),
    protection: undefined,
    copy: undefined,
    metadata: withPushRecord(
      {},
      {
        state: 'complete',
        fingerprint: 'f',
        times: '',
        id: 'i',
        parentId: undefined,
        base: undefined,
        image: 'golden',
        holder: undefined,
        completedAt: at(10),
        completedSlackMs: 0,
        digests: { tree: 'a'.repeat(64), md5: md5.toString('hex') },
        ...record,
      },
    ),
    ...more,
  };
}

t.test('only finished blobs of the image are its versions', (t) => {
  const blobs = [
    listed('right', { imageVersion: '1' }),
    listed('other', { image: 'Golden' }),
    listed('none', { image: undefined }),
    listed('writing', { state: 'writing' }),
    listed('clearing', { state: 'clearing' }),
    listed('written since', {}, { lastModified: at(11) }),
    listed('being copied', {}, { copy: { status: 'pending' } }),
    listed('foreign', {}, { metadata: {} }),
  ];
  t.strictSame(
    seriesIn(blobs, 'golden').map(({ name }) => name),
    ['right'],
  );
  t.strictSame(seriesIn(blobs, 'silver'), []);
  t.strictSame([...allSeriesIn(blobs).keys()], ['golden', 'Golden']);
  t.end();
});

t.test('the newest comes first by the time of completion; within one second by its number', (t) => {
  const blobs = [
    listed('b', { imageVersion: '9' }),
    listed('a', { imageVersion: '10' }),
    listed('d', { imageVersion: 'x' }),
    listed('c'),
    listed('old', { imageVersion: '99', completedAt: at(5) }),
    listed('new', { imageVersion: '1', completedAt: at(20) }),
  ];
  t.strictSame(
    seriesIn(blobs, 'golden').map(({ name }) => name),
    ['new', 'a', 'b', 'c', 'd', 'old'],
  );
  t.end();
});

t.test(
  'a version has what its record and the listing say; a tree digest counts only while Content-MD5 is as it was left',
  (t) => {
    const base = { uri: 'https://a/b', etag: 'e', id: 'i', check: 'tree' } as const;
    const [version] = seriesIn([listed('v', { imageVersion: 'x', base }, { protection: 'a legal hold' })], 'golden');
    t.strictSame(version, {
      name: 'v',
      version: 'x',
      id: 'i',
      size: 1024,
      completedAt: at(10),
      protection: 'a legal hold',
      base: 'https://a/b',
      hasTree: true,
    });
    t.match(seriesIn([listed('v', {}, { contentMd5: undefined })], 'golden'), [{ hasTree: false, version: undefined }]);
    t.match(seriesIn([listed('v', { digests: undefined })], 'golden'), [{ hasTree: false }]);
    t.end();
  },
);
