import { randomUUID } from 'node:crypto';
import t from 'tap';
import { derivedId, isDerivedId } from '../../src/disk/derived-id.js';

t.test('a derived id is known as one wherever it is met; the ids that other tools make are not', (t) => {
  for (const size of [512, 1024]) t.ok(isDerivedId(derivedId({ format: 'raw', token: [Buffer.from('x')], size })));
  for (let count = 0; count < 100; count++) t.notOk(isDerivedId(randomUUID()));
  t.end();
});
