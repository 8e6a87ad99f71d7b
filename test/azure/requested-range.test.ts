import t from 'tap';
import { startsAtRequestedOffset } from '../../src/azure/requested-range.js';

t.test('an answer counts only if it begins at the offset of the request', (t) => {
  for (const [requested, contentRange, isRight] of [
    [undefined, undefined, true],
    ['bytes=512-1023', 'bytes 512-1023/4096', true],
    ['bytes=512-1023', 'bytes 512-600/*', true],
    ['bytes=512-1023', 'bytes 0-511/4096', false],
    ['bytes=512-1023', undefined, false],
    ['bytes=512-1023', 'nonsense', false],
    ['bytes=0-511', undefined, true],
    ['bytes=0-511', 'bytes 512-1023/4096', false],
  ] as const)
    t.equal(startsAtRequestedOffset(requested, contentRange), isRight, `${requested} ${contentRange}`);
  t.end();
});
