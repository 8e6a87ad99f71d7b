import { randomBytes, randomUUID } from 'node:crypto';
import t from 'tap';
import { LeaseSecret } from '../../src/protocol/lease-secret.js';

const SIZE = 1024 * 1024;
const plan = {
  write: [
    { offset: 512, length: 4096 },
    { offset: 65536, length: 512 * 1024 },
  ],
};

function diskOf(content: Buffer) {
  const reads: number[] = [];
  return {
    reads,
    read: async (offset: number, into: Uint8Array) => {
      reads.push(offset);
      into.set(content.subarray(offset, offset + into.length));
      await Promise.resolve();
    },
  };
}

t.test('who has the same files can read the root of the lease, on any machine; nobody else can', async (t) => {
  const content = randomBytes(SIZE);
  const source = { structure: 'structures', fingerprint: 'f1', plan };
  const root = randomUUID();
  const secret = await LeaseSecret.of(diskOf(content), source);
  const text = secret.seal(root);
  t.equal((await LeaseSecret.of(diskOf(Buffer.from(content)), source)).open(text), root);
  t.match(text, /^[\w-]+$/, 'it fits into a header');
  t.notMatch(text, root.slice(0, 8));
  t.not(secret.seal(root), text, 'each time another text');

  const disk = diskOf(content);
  await LeaseSecret.of(disk, source);
  const changed = Buffer.from(content);
  changed.fill(0, disk.reads[7], (disk.reads[7] ?? 0) + 512);
  t.equal((await LeaseSecret.of(diskOf(changed), source)).open(text), undefined, 'other content');
  t.equal(
    (await LeaseSecret.of(diskOf(content), { ...source, structure: 'others' })).open(text),
    undefined,
    'other structures',
  );
  t.equal(
    (await LeaseSecret.of(diskOf(content), { ...source, fingerprint: 'f2' })).open(text),
    undefined,
    'another push',
  );
  for (const damaged of [
    '',
    'x',
    text.slice(0, -2),
    `${text}AA`,
    `${text[0] === 'A' ? 'B' : 'A'}${text.slice(1)}`,
    `${text.slice(0, 30)}${text[30] === 'A' ? 'B' : 'A'}${text.slice(31)}`,
  ])
    t.equal(secret.open(damaged), undefined, damaged);
});

t.test('few pages are read for it, spread over all that is sent', async (t) => {
  const disk = diskOf(randomBytes(SIZE));
  await LeaseSecret.of(disk, { structure: 's', fingerprint: 'f', plan });
  t.equal(disk.reads.length, 64);
  t.ok(
    disk.reads.every((offset, index) => offset % 512 === 0 && offset > (disk.reads[index - 1] ?? 0)),
    'in order',
  );
  t.ok(
    disk.reads.every((offset) =>
      plan.write.some((range) => offset >= range.offset && offset + 512 <= range.offset + range.length),
    ),
    'within what is sent',
  );
  t.ok((disk.reads.at(-1) ?? 0) > 65536 + 500 * 1024);
  const few = diskOf(randomBytes(SIZE));
  await LeaseSecret.of(few, { structure: 's', fingerprint: 'f', plan: { write: [{ offset: 1024, length: 1024 }] } });
  t.strictSame(few.reads, [1024, 1536]);
  await LeaseSecret.of(few, { structure: 's', fingerprint: 'f', plan: { write: [] } });
  t.equal(few.reads.length, 2);
});
