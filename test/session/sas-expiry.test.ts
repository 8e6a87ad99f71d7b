import { join } from 'node:path';
import t from 'tap';
import { openDisk, planPush, pull, push, verify, type SessionEvent, type Warning } from '../../src/index.js';
import { manageScene } from '../support/manage-scene.js';
import { sasFor } from '../support/sas.js';

const expiring = (warnings: readonly Warning[]) => warnings.filter(({ code }) => code === 'sas-expires-soon');

t.test('a SAS that ends soon is warned of once by dry run, push, verify and pull, before content moves', async (t) => {
  const { scene, uri, container, options, folder, gate } = await manageScene(t);
  const soon = `${uri('disk')}?${(await sasFor(container, 5)).sas}`;
  const later = `${uri('disk')}?${(await sasFor(container, 240)).sas}`;
  await using disk = await openDisk(scene.base);
  for (const [name, work] of Object.entries({
    'dry run': (uri, more) => planPush(disk, { ...more, to: uri }),
    push: (uri, more) => push(disk, { ...more, to: uri, overwrite: true }),
    verify: (uri, more) => verify(disk, uri, more),
    pull: (uri, more) => pull(uri, join(folder, 'out.vhd'), { ...more, overwrite: true }),
  } satisfies Record<string, (uri: string, more: object) => Promise<{ readonly warnings: readonly Warning[] }>>)) {
    gate.records = [];
    let moved = 0;
    let seen = 0;
    const more = { ...options, environment: {} };
    const { warnings } = await work(soon, {
      ...more,
      onEvent: (event: SessionEvent) => {
        if (event.type !== 'warning' || event.code !== 'sas-expires-soon') return;
        seen++;
        moved = gate.records.filter(({ kind, range }) => kind === 'put-page' || (range?.length ?? 0) > 512).length;
      },
    });
    t.match(expiring(warnings), [{ message: /disk: the SAS expires at .*, in \d min/ }], name);
    t.equal(expiring(warnings).length, 1, name);
    t.equal(seen, 1, `${name}: once`);
    t.equal(moved, 0, `${name}: before the first byte`);
    // After the push, the same push has nothing to do.
    const other = name === 'push' ? later.replace('/disk?', '/other?') : later;
    t.strictSame(expiring((await work(other, more)).warnings), [], `${name}: not of one that lasts`);
  }
});

t.test('the SAS of a base is looked at too', async (t) => {
  const { scene, uri, container, options, pushed } = await manageScene(t);
  await pushed(scene.base, { to: uri('base') });
  await using disk = await openDisk(scene.child);
  const { warnings } = await planPush(disk, {
    ...options,
    environment: {},
    to: `${uri('child')}?${(await sasFor(container, 240)).sas}`,
    base: `${uri('base')}?${(await sasFor(container, 5)).sas}`,
  });
  t.match(expiring(warnings), [{ message: /\/base: the SAS/ }]);
});
