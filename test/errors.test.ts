import t from 'tap';
import { VhdupError, hasCode, messageOf } from '../src/errors.js';

t.test('an error carries its code, what to do next, and its cause', (t) => {
  const cause = new Error('EIO');
  t.match(new VhdupError('disk-unreadable', 'a.vhd: cannot be read', { hint: 'try again', cause }), {
    name: 'VhdupError',
    code: 'disk-unreadable',
    message: 'a.vhd: cannot be read',
    hint: 'try again',
    cause,
  });
  t.notOk('cause' in new VhdupError('usage', 'no'));
  t.ok(hasCode(new VhdupError('usage', 'no'), 'cancelled', 'usage'));
  t.notOk(hasCode(new VhdupError('usage', 'no'), 'cancelled'));
  t.notOk(hasCode(Object.assign(new Error('no'), { code: 'usage' }), 'usage'), 'an error of another kind');
  t.end();
});

t.test('anything that is thrown has a message', (t) => {
  t.strictSame([new Error('EIO'), 'text', undefined, null, 7, { message: 'own' }, { a: 1 }].map(messageOf), [
    'EIO',
    'text',
    'undefined',
    'null',
    '7',
    'own',
    '{ a: 1 }',
  ]);
  t.end();
});
