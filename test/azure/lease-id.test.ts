import { createHash, randomUUID } from 'node:crypto';
import t from 'tap';
import { MAX_STEP, leaseGuid } from '../../src/azure/lease-id.js';

t.test('the id of each step is a GUID that follows from the one before, and only from there', (t) => {
  const root = randomUUID();
  const ids = Array.from({ length: MAX_STEP + 1 }, (_, step) => leaseGuid({ root, step }));
  t.equal(ids[0], root);
  t.equal(new Set(ids).size, ids.length);
  for (const [step, id] of ids.entries()) {
    t.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    if (step === 0) continue;
    const hash = createHash('sha256')
      .update(ids[step - 1] ?? '')
      .digest('hex');
    t.equal(id.replaceAll('-', ''), hash.slice(0, 32), `step ${step}`);
  }
  t.end();
});
