import t from 'tap';
import { baseLocationOf } from '../../src/azure/location.js';
import { destinationOf } from '../../src/push/destination-location.js';

const VHDS = 'https://acct.blob.core.windows.net/vhds';
const CONTAINER = 'sv=1&sr=c&sig=xxxxxxxxxxxx';
const ACCOUNT = 'sv=1&ss=b&srt=o&sig=yyyyyyyyyyyy';
const BLOB = 'sv=1&sr=b&sig=zzzzzzzzzzzz';

t.test('a SAS for the container or the account serves base and destination, that for one blob serves it alone', (t) => {
  for (const sas of [CONTAINER, ACCOUNT]) {
    t.equal(destinationOf('child.vhd', undefined, `${VHDS}/base?${sas}`).sas, sas);
    t.equal(destinationOf('child.vhd', `${VHDS}/child`, `${VHDS}/base?${sas}`).sas, sas);
    t.equal(baseLocationOf(`${VHDS}/base`, destinationOf('child.vhd', `${VHDS}/child?${sas}`, undefined)).sas, sas);
    t.equal(
      destinationOf('child.vhd', 'https://acct.blob.core.windows.net/other/child', `${VHDS}/base?${sas}`).sas,
      undefined,
      'another container',
    );
  }
  t.equal(destinationOf('child.vhd', undefined, `${VHDS}/base?${BLOB}`).sas, undefined);
  t.equal(destinationOf('child.vhd', `${VHDS}/child`, `${VHDS}/base?${BLOB}`).sas, undefined);
  t.equal(
    destinationOf('child.vhd', `${VHDS}/child?${BLOB}`, `${VHDS}/base?${CONTAINER}`).sas,
    BLOB,
    'one of its own comes first',
  );
  t.equal(
    baseLocationOf(`${VHDS}/base`, destinationOf('child.vhd', `${VHDS}/child?${BLOB}`, undefined)).sas,
    undefined,
  );
  t.end();
});

t.test(
  "without --to the destination is the base's container and the file's name; with a slash at its end --to is a container",
  (t) => {
    t.match(destinationOf('/disks/ä b.vhd', undefined, `${VHDS}/old/base.vhd`), { container: 'vhds', name: 'ä b.vhd' });
    t.match(destinationOf('/disks/ä b.vhd', `${VHDS}/new/?${CONTAINER}`, undefined), {
      container: 'vhds',
      name: 'new/ä b.vhd',
      sas: CONTAINER,
    });
    t.throws(() => destinationOf('a.vhd', undefined, undefined), { code: 'usage' });
    t.throws(() => destinationOf('a.vhd', undefined, 'auto'), { code: 'usage' });
    t.throws(() => destinationOf('a.vhd', `${VHDS}/b?snapshot=2024-01-01T00:00:00.0000000Z`, undefined), {
      code: 'usage',
    });
    t.end();
  },
);
