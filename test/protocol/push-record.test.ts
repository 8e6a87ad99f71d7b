import t from 'tap';
import {
  hasUnknownPushRecord,
  isWrittenSince,
  parsePushRecord,
  recordedTree,
  withPushRecord,
  type PushRecord,
} from '../../src/protocol/push-record.js';

t.test('the state of a push survives the metadata of a blob, whose keys have no case', (t) => {
  const state = {
    state: 'writing',
    fingerprint: 'f',
    times: 't',
    id: 'i',
    parentId: 'p',
    base: { uri: 'https://a/b', etag: '0x1', id: 'j', check: 'md5' },
    image: 'the golden one',
    imageVersion: '41',
    holder: 'web-7/12',
    completedAt: undefined,
    digests: undefined,
  } as const;
  const metadata = withPushRecord({ owner: 'me', vhdup_state: 'clearing' }, state);
  t.equal(metadata['owner'], 'me');
  t.strictSame(
    parsePushRecord(Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key.toUpperCase(), value]))),
    state,
  );
  const complete = {
    ...state,
    state: 'complete',
    holder: undefined,
    completedAt: new Date(1_795_000_000_000),
    digests: { tree: 'ab'.repeat(32), md5: 'cd'.repeat(16) },
  } as const;
  t.strictSame(parsePushRecord(withPushRecord({}, complete)), complete);
  t.equal(isWrittenSince(complete, new Date(1_795_000_005_000)), false, 'the last request of the push itself');
  t.equal(isWrittenSince(complete, new Date(1_795_000_006_000)), true, "somebody else's later one");
  const { vhdup_image: image, ...unnamed } = metadata;
  t.equal(image, 'the golden one');
  t.notOk(Object.keys(parsePushRecord(unnamed) ?? {}).includes('imageVersion'), 'a version without an image is none');
  t.equal(parsePushRecord({ owner: 'me' }), undefined);
  t.equal(parsePushRecord({ ...metadata, vhdup_version: '2' }), undefined, 'a later version is not taken for this one');
  t.end();
});

const TREE = 'ab'.repeat(32);

const record: PushRecord = {
  ...{ state: 'writing', fingerprint: 'f', times: 't', id: 'i', parentId: undefined, base: undefined },
  holder: undefined,
};
const held: PushRecord = { ...record, holder: 'web-7/12', lease: 'secret' };

t.test('a record replaces all keys of the one before, and none of other tools', (t) => {
  const before = { Owner: 'me', VHDUP_LEASE: 'former', vhdup_md5: 'cd'.repeat(16) };
  t.strictSame(withPushRecord(before, record), {
    ...{ Owner: 'me', vhdup_version: '1', vhdup_state: 'writing', vhdup_fingerprint: 'f' },
    ...{ vhdup_times: 't', vhdup_id: 'i' },
  });
  t.end();
});

t.test('holder and lease are in the record of an unfinished push only', (t) => {
  t.match(parsePushRecord(withPushRecord({}, held)), { holder: 'web-7/12', lease: 'secret' });
  const complete = parsePushRecord(withPushRecord({}, { ...held, state: 'complete' }));
  t.equal(complete?.holder, undefined);
  t.equal(complete?.lease, undefined);
  t.end();
});

t.test('what is not known to be a proof, or is no digest, counts as none', (t) => {
  const base = { vhdup_base: 'https://a/b', vhdup_base_check: 'sha3' };
  t.match(parsePushRecord({ ...withPushRecord({}, record), ...base }), {
    base: { check: 'id', etag: '', id: undefined },
  });
  t.equal(parsePushRecord({ ...withPushRecord({}, record), vhdup_tree: 'ab' })?.digests, undefined);
  t.equal(parsePushRecord({ ...withPushRecord({}, record), vhdup_completed: 'soon' })?.completedAt, undefined);
  t.end();
});

t.test('a state that this version does not know is told from no state', (t) => {
  t.equal(hasUnknownPushRecord({ owner: 'me' }), false);
  t.equal(hasUnknownPushRecord(withPushRecord({}, record)), false);
  t.equal(hasUnknownPushRecord({ ...withPushRecord({}, record), vhdup_version: '2' }), true);
  t.equal(hasUnknownPushRecord({ VHDUP_STATE: 'other' }), true);
  t.end();
});

t.test('the recorded tree digest counts while Content-MD5 is as the push left it', (t) => {
  const md5 = Buffer.alloc(16, 7);
  const complete: PushRecord = { ...record, state: 'complete', digests: { tree: TREE, md5: md5.toString('hex') } };
  const without: PushRecord = { ...complete, digests: { tree: TREE, md5: undefined } };
  t.equal(recordedTree(complete, md5)?.toString('hex'), TREE);
  t.equal(recordedTree(without, undefined)?.toString('hex'), TREE, 'also if the push set none');
  t.equal(recordedTree(complete, Buffer.alloc(16, 8)), undefined, 'another one was set since');
  t.equal(recordedTree(complete, undefined), undefined, 'it was removed since');
  t.equal(recordedTree(without, md5), undefined, 'one was set since');
  t.equal(recordedTree({ ...complete, state: 'writing' }, md5), undefined, 'the push is not finished');
  t.equal(recordedTree(undefined, md5), undefined);
  t.end();
});

t.test('a later Last-Modified shows a write; records of older versions allow 5 s', (t) => {
  const completedAt = new Date(1_795_000_000_000);
  const after = (ms: number) => new Date(completedAt.getTime() + ms);
  const complete: PushRecord = { ...record, state: 'complete', completedAt, completedSlackMs: 0 };
  t.equal(isWrittenSince(complete, after(0)), false);
  t.equal(isWrittenSince(complete, after(1000)), true);
  t.equal(isWrittenSince({ ...record, state: 'complete', completedAt }, after(5000)), false);
  t.equal(isWrittenSince({ ...complete, state: 'writing' }, after(60_000)), false, 'an unfinished push writes itself');
  t.equal(isWrittenSince({ ...complete, completedAt: undefined }, after(60_000)), false);
  t.end();
});
