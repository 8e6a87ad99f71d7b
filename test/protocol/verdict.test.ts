import t from 'tap';
import type { BlobProperties, Metadata } from '../../src/azure/blob-properties.js';
import { withPushRecord, type PushRecord } from '../../src/protocol/push-record.js';
import { findProblem, findingOf, judgeBlob, refusalOf, type Verdict } from '../../src/protocol/verdict.js';

const COMPLETED = new Date('2026-11-20T08:00:00Z');

const record: PushRecord = {
  state: 'complete',
  fingerprint: 'f',
  times: 't',
  id: 'i',
  parentId: undefined,
  base: undefined,
  completedAt: COMPLETED,
  completedSlackMs: 0,
  holder: undefined,
};

function blob(metadata: Metadata, more: Partial<BlobProperties> = {}): BlobProperties {
  return {
    size: 1024,
    type: 'PageBlob',
    etag: '"0x1"',
    lastModified: COMPLETED,
    contentMd5: Buffer.alloc(16),
    metadata,
    lease: { state: 'available', infinite: false },
    protection: undefined,
    copy: undefined,
    date: COMPLETED,
    emulator: false,
    headers: {},
    ...more,
  };
}

function copy(status: string): Pick<BlobProperties, 'copy'> {
  return { copy: { id: 'c', status, description: undefined, progress: undefined, completedAt: undefined } };
}

const complete = withPushRecord({}, record);
const writing = withPushRecord({}, { ...record, state: 'writing' });
const clearing = withPushRecord({}, { ...record, state: 'clearing' });
const later = { lastModified: new Date(COMPLETED.getTime() + 1000) };
const noMd5 = { contentMd5: undefined };

const table: readonly [what: string, blob: BlobProperties | undefined, ...problems: Verdict['state'][]][] = [
  ['no blob', undefined, 'missing'],
  ['a blob that says nothing of an upload', blob({})],
  ['such a blob without Content-MD5', blob({}, noMd5)],
  ['a complete push', blob(complete)],
  ['a push that was completed without Content-MD5', blob(complete, noMd5)],
  ['a push that writes', blob(writing), 'unfinished-push'],
  ['a push that clears', blob(clearing), 'unfinished-push'],
  ['an unfinished push whose copy is pending', blob(clearing, copy('pending')), 'copy-pending', 'unfinished-push'],
  ['an unfinished push that was modified later', blob(writing, later), 'unfinished-push'],
  ['a complete push that was written to later', blob(complete, later), 'written-since'],
  [
    'a pending copy of a finished blob: the record, and its time, are those of the source',
    blob(complete, { ...later, ...copy('pending') }),
    'copy-pending',
  ],
  ['a copy of another tool that is pending', blob({}, copy('pending')), 'copy-pending'],
  ['a copy that ended', blob({}, copy('success'))],
  ['a copy that failed', blob({}, copy('failed'))],
  ['Add-AzVhd before its end', blob({ LocalMetadata: '<x/>' }, noMd5), 'unfinished-elsewhere'],
  ['Add-AzVhd at its end', blob({ LocalMetadata: '<x/>' })],
  ['azure-vhd-utils before its end', blob({ diskmetadata: '{}' }, noMd5), 'unfinished-elsewhere'],
  ['azure-vhd-utils at its end', blob({ diskmetadata: '{}' })],
  ['a later version of this tool', blob({ ...complete, vhdup_version: '2' }), 'unfinished-elsewhere'],
  ['a state that is not known', blob({ ...complete, vhdup_state: 'sealing' }), 'unfinished-elsewhere'],
  ['a push without a fingerprint', blob({ vhdup_version: '1', VHDUP_STATE: 'writing' }), 'unfinished-elsewhere'],
  ['a block blob', blob({}, { type: 'BlockBlob' }), 'not-a-page-blob'],
  ['a block blob that says to be a push', blob(writing, { type: 'BlockBlob' }), 'not-a-page-blob', 'unfinished-push'],
  [
    'a push over marks of another tool',
    blob({ ...writing, diskmetadata: '{}' }, noMd5),
    'unfinished-push',
    'unfinished-elsewhere',
  ],
];

t.test('the verdict on each kind of blob', (t) => {
  for (const [what, properties, ...problems] of table) {
    const verdict = judgeBlob(properties);
    t.strictSame(
      verdict.problems.map(({ kind }) => kind),
      problems,
      what,
    );
    t.equal(verdict.state, problems[0] ?? 'finished', `${what}: its state is the first problem`);
  }
  t.end();
});

t.test('a footer that is none is a problem only if the footer was looked at', (t) => {
  t.equal(judgeBlob(blob(complete)).state, 'finished');
  const verdict = judgeBlob(blob(writing, { type: undefined }), 'cookie: it is not "conectix"');
  t.strictSame(
    verdict.problems.map(({ kind }) => kind),
    ['not-a-page-blob', 'not-a-vhd', 'unfinished-push'],
  );
  t.end();
});

t.test('the push record comes with the verdict', (t) => {
  t.match(judgeBlob(blob(complete, later)).record, { state: 'complete', fingerprint: 'f' });
  t.equal(judgeBlob(blob({})).record, undefined);
  t.equal(judgeBlob(undefined).record, undefined);
  t.end();
});

t.test('a command finds the problems that matter to it in its own order', (t) => {
  const verdict = judgeBlob(blob(clearing, copy('pending')));
  t.equal(findProblem(verdict, 'copy-pending', 'unfinished-push')?.kind, 'copy-pending');
  t.equal(findProblem(verdict, 'unfinished-push', 'copy-pending')?.kind, 'unfinished-push');
  t.equal(findProblem(verdict, 'written-since', 'not-a-vhd'), undefined);
  t.end();
});

t.test('each problem has its words as a refusal and as a finding', (t) => {
  const verdicts = [
    judgeBlob(undefined),
    judgeBlob(blob(writing, { type: 'BlockBlob', ...copy('pending') }), 'a reason'),
    judgeBlob(blob({ ...complete, diskmetadata: '{}' }, { ...later, ...noMd5 })),
  ];
  const problems = verdicts.flatMap((verdict) => verdict.problems);
  t.strictSame(problems.map(refusalOf), [
    'there is no such blob',
    'it is a BlockBlob, not a page blob',
    'it is not a fixed VHD: a reason',
    'it is still being copied to',
    'it is an unfinished push (writing)',
    'it was written to after it was completed, last at 2026-11-20T08:00:01.000Z: its digests no longer prove anything',
    'another tool has not finished its upload',
  ]);
  t.strictSame(problems.map(findingOf), [
    'there is no such blob',
    'it is a BlockBlob, not a page blob',
    'not a fixed VHD: a reason',
    'it is still being copied to',
    'an unfinished push (writing): run the same push again to resume it',
    'written to after the push was completed, last at 2026-11-20T08:00:01.000Z: its digests no longer prove anything',
    'an unfinished upload of another tool',
  ]);
  t.equal(
    judgeBlob(blob({}, { type: undefined }))
      .problems.map(refusalOf)
      .join(),
    'it is a blob of unknown type, not a page blob',
  );
  t.end();
});
