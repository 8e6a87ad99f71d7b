import t from 'tap';
import { isWrittenSince, parsePushRecord, withPushRecord } from '../../src/protocol/push-record.js';

t.test('the state of a push survives the metadata of a blob, whose keys have no case', (t) => {
  const state = {
    state: 'writing',
    fingerprint: 'f',
    times: 't',
    id: 'i',
    parentId: 'p',
    base: { uri: 'https://a/b', etag: '0x1', id: 'j', check: 'md5' },
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
  t.equal(parsePushRecord({ owner: 'me' }), undefined);
  t.equal(parsePushRecord({ ...metadata, vhdup_version: '2' }), undefined, 'a later version is not taken for this one');
  t.end();
});
