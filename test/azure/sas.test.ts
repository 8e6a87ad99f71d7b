import t from 'tap';
import { expiryWarning, parseSas, requireValidNow } from '../../src/azure/sas.js';
import { credentialsFor } from '../../src/azure/credential.js';
import { parseBlobUri } from '../../src/azure/location.js';

const NOW = new Date('2026-01-01T12:00:00Z');
const AT = 'https://acct.blob.core.windows.net';
const MIB = 1024 ** 2;

t.test('all forms of time that a SAS may have are read; others count as none', (t) => {
  for (const [text, time] of [
    ['2026-01-01', '2026-01-01T00:00:00.000Z'],
    ['2026-01-01T10:00Z', '2026-01-01T10:00:00.000Z'],
    ['2026-01-01T10%3A00%3A05Z', '2026-01-01T10:00:05.000Z'],
    ['2026-01-01T10:00:05.1234567Z', '2026-01-01T10:00:05.123Z'],
    ['soon', undefined],
  ] as const)
    t.equal(parseSas(`sp=rw&sr=b&se=${text}&sig=x`).ends?.toISOString(), time, text);
  t.match(parseSas('si=policy&sr=c&sig=x'), { permissions: undefined, resource: 'c', ends: undefined });
  t.end();
});

t.test(
  'a SAS that has expired, or is not valid yet, by more than clocks differ, is refused before any request, with the time',
  async (t) => {
    t.throws(() => requireValidNow('se=2026-01-01T11:44Z&sig=x', AT, NOW), {
      code: 'not-authorised',
      message: `${AT}: the SAS expired at 2026-01-01T11:44:00Z`,
      hint: /2026-01-01T12:00:00Z/,
    });
    t.throws(() => requireValidNow('st=2026-01-01T12:16Z&sig=x', AT, NOW), {
      message: /not valid before 2026-01-01T12:16:00Z/,
    });
    for (const valid of [
      'se=2026-01-01T12:01Z',
      'se=2026-01-01T11:46Z',
      'st=2026-01-01T12:14Z',
      'si=policy',
      'se=unreadable',
      'sig=only',
    ])
      t.doesNotThrow(() => {
        requireValidNow(valid, AT, NOW);
      }, valid);
    await t.rejects(credentialsFor(parseBlobUri(`${AT}/vhds/b?se=2020-01-01&sig=c2VjcmV0c2VjcmV0`), {}), {
      code: 'not-authorised',
      message: /expired at 2020-01-01T00:00:00Z/,
    });
  },
);

t.test('a SAS is warned of if it ends within ten minutes, or before the content is likely to be moved', (t) => {
  t.match(expiryWarning('se=2026-01-01T12:09Z&sig=x', 0, NOW), /expires at 2026-01-01T12:09:00Z, in 9 min/);
  t.match(
    expiryWarning('se=2026-01-01T11:59Z&sig=x', 0, NOW),
    /^the SAS expired at 2026-01-01T11:59:00Z, by the clock/,
  );
  t.match(expiryWarning('se=2026-01-01T13:00Z&sig=x', 8 * 3601 * MIB, NOW), /28808 MiB take about 60 min at 8 MiB/);
  t.equal(expiryWarning('se=2026-01-01T13:00Z&sig=x', 8 * 3599 * MIB, NOW), undefined);
  t.equal(expiryWarning('si=policy&sig=x', 1e15, NOW), undefined);
  t.end();
});
