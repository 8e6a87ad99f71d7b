import t from 'tap';
import { verifyLines } from '../../../src/cli/reports/verify.js';
import type { VerifyResult } from '../../../src/index.js';

const RESULT: VerifyResult = {
  blob: 'b',
  equal: false,
  contentEqual: true,
  depth: 'content',
  virtualSize: 4096,
  blobSize: 4608,
  compared: 1024,
  fetched: 512,
  differences: { first: [], count: 0, bytes: 0 },
  footerCheck: 'equal',
  contentMd5Check: 'absent',
  treeCheck: 'absent',
  allocation: { onlyDisk: 0, onlyBlob: 0 },
  problems: ['p'],
  warnings: [],
  durationMs: 1000,
  bytesPerSecond: 512,
};
const verdictOf = (more: Partial<VerifyResult>) => verifyLines({ ...RESULT, ...more })[0];

t.test('the first line says equal only if all is, and names what differs', (t) => {
  t.equal(verdictOf({ equal: true, problems: [] }), 'b: equals the disk');
  t.equal(
    verdictOf({ equal: true, problems: [], depth: 'records', contentEqual: undefined }),
    'b: no difference found; its content was not compared',
  );
  t.equal(verdictOf({ contentEqual: false }), 'b: differs from the disk');
  t.equal(verdictOf({ contentEqual: undefined, depth: 'records' }), 'b: differs from the disk');
  t.equal(verdictOf({ contentEqual: false, footerCheck: 'other-id' }), 'b: differs from the disk');
  t.equal(verdictOf({ footerCheck: 'other-id' }), 'b: content equal; only the footer (id) differs');
  t.equal(verdictOf({ footerCheck: 'other-id', problems: ['p', 'q'] }), 'b: content equal, but the footer differs');
  t.equal(verdictOf({ footerCheck: 'other-size' }), 'b: content equal, but the footer differs');
  t.equal(verdictOf({ footerCheck: 'missing' }), 'b: content equal, but the footer differs');
  t.equal(verdictOf({}), 'b: content equal, but the blob has problems');
  t.end();
});

t.test('the rest is called zero only if the content was compared', (t) => {
  t.match(verifyLines(RESULT)[1], /; the rest is zero on both sides/);
  t.notMatch(verifyLines({ ...RESULT, depth: 'records', contentEqual: undefined })[1], /rest/);
  t.notMatch(verifyLines({ ...RESULT, compared: 4096 })[1], /rest/);
  t.end();
});
