import { hostname } from 'node:os';
import t from 'tap';
import { describeHolder, parseHolder, thisHolder } from '../../src/protocol/holder.js';

t.test('this process is named by host and process id, in ASCII, and found to be of this machine', (t) => {
  t.match(thisHolder(), /^[A-Za-z0-9._-]{1,64}\/\d+$/);
  t.match(parseHolder(thisHolder()), { pid: process.pid });
  t.match(describeHolder(thisHolder()), new RegExp(`process ${process.pid} on this machine$`));
  t.equal(
    describeHolder('web-7/12'),
    hostname() === 'web-7' ? 'web-7, process 12 on this machine' : 'web-7, process 12',
  );
  t.end();
});

t.test('what is not such a text names nobody: anyone may have written it', (t) => {
  for (const text of [
    undefined,
    '',
    'web-7',
    'web-7/',
    '/12',
    'web 7/12',
    'a/1\n',
    `${'x'.repeat(65)}/1`,
    'w/12345678901',
  ])
    t.equal(describeHolder(text), undefined, JSON.stringify(text));
  t.end();
});
