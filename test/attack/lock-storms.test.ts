/*
 * Lock storms. Several `vhdup pull` processes meet at one output: five at once after a sixth was killed in the middle;
 * two in process-id namespaces of their own, where each has the same pid; one that is stopped (SIGSTOP) while another
 * takes its place, and then goes on; beside an empty lock, or one that is none; beside a lock whose pid belongs to
 * another process by now.
 *
 * Whenever one ends with exit code 0, it tells the truth: from that moment on the file under the name is the blob, as its
 * format has it, and its bytes never change again: that inode is never written to. Whoever is refused is no harm. When
 * all have ended, the same command succeeds within seconds.
 *
 * VHDUP_LOCK_STORMS: how many. VHDUP_SEED: repeats the storms of a seed; with VHDUP_ROUND, one of them.
 */
import { join } from 'node:path';
import t from 'tap';
import { forEachLimited, newLimit } from '../../src/run/concurrency.js';
import { startAzurite } from '../support/azurite.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/mutations.js';
import { scaled, seedOfRun } from '../support/scale.js';
import { letHappen, withoutNamespaces, type StormKind } from './storm-kinds.js';
import { Storm, startPullScene } from './storm.js';

const STORMS = Number(process.env['VHDUP_LOCK_STORMS'] ?? scaled(3));
const SEED = seedOfRun();
const ONLY = process.env['VHDUP_ROUND'];
/** Storms at a time: some of them wait for most of their time. */
const LANES = 3;
const MAX_SHOWN = 10;

/** In this order, again and again: those that take their time come first, and the others fill it. */
const KINDS: readonly StormKind[] = [
  'stopped, another namespace',
  'killed in a namespace',
  'five at once',
  'planted',
  'two namespaces',
  'five at once',
  'pid of another',
  'stopped',
  'five at once',
  'five at once',
  'five at once',
  'five at once',
  'two namespaces',
  'five at once',
  'five at once',
  'five at once',
  'five at once',
  'five at once',
  'five at once',
  'five at once',
];
const IN_NAMESPACES: readonly StormKind[] = ['two namespaces', 'killed in a namespace', 'stopped, another namespace'];

t.test(
  'however many pulls meet at one output, and however they end: exit code 0 stands on a file that is the blob and stays so',
  async (t) => {
    const folder = await temporaryFolder(t);
    t.comment(`VHDUP_SEED=${SEED} VHDUP_LOCK_STORMS=${STORMS}`);
    const noNamespaces = withoutNamespaces();
    const azurite = await startAzurite();
    const free = await Promise.all(
      Array.from({ length: LANES }, (_, index) => startPullScene(azurite, join(folder, `lane ${index}`))),
    );
    const scenes = [...free];
    t.teardown(async () => {
      for (const scene of scenes) await scene.stop();
      await azurite.stop();
    });
    const sums = { storms: 0, falseSuccesses: 0, stormsWithThem: 0, troubles: 0 };
    const byKind = new Map<StormKind, { storms: number; wrong: number }>();
    const indices = ONLY === undefined ? Array.from({ length: STORMS }, (_, index) => index) : [Number(ONLY)];
    await forEachLimited(
      indices,
      newLimit(LANES),
      async (index) => {
        const kind = KINDS[index % KINDS.length] ?? 'five at once';
        if (noNamespaces !== undefined && IN_NAMESPACES.includes(kind)) return;
        const scene = free.pop();
        if (!scene) throw new Error('no lane is free');
        const random = new Random(SEED + Math.imul(index + 1, 0x9e3779b1));
        const storm = await Storm.begin(scene, random);
        await letHappen(kind, scene, storm, random);
        const { falseSuccesses, troubles, log } = await storm.finish();
        free.push(scene);
        const own = byKind.get(kind) ?? { storms: 0, wrong: 0 };
        byKind.set(kind, { storms: own.storms + 1, wrong: own.wrong + (falseSuccesses.length > 0 ? 1 : 0) });
        const shown = sums.stormsWithThem + sums.troubles;
        sums.storms++;
        sums.falseSuccesses += falseSuccesses.length;
        sums.stormsWithThem += falseSuccesses.length > 0 ? 1 : 0;
        sums.troubles += troubles.length;
        if ((shown < MAX_SHOWN && falseSuccesses.length + troubles.length > 0) || ONLY !== undefined) {
          t.comment(
            [
              `VHDUP_SEED=${SEED} VHDUP_ROUND=${index}: ${kind}`,
              ...falseSuccesses.map((what) => `FALSE SUCCESS: ${what}`),
              ...troubles.map((what) => `TROUBLE: ${what}`),
              ...log,
            ].join('\n'),
          );
        }
      },
      () => undefined,
    );
    t.comment(
      `lock storms: ${sums.storms}; in ${sums.stormsWithThem} of them false successes (${sums.falseSuccesses}), ${sums.troubles} other troubles`,
    );
    for (const [kind, { storms, wrong }] of byKind) t.comment(`  ${kind}: ${storms}, wrong in ${wrong}`);
    t.equal(sums.falseSuccesses, 0, 'no false success');
    t.equal(sums.troubles, 0, 'no lock that nobody holds is in the way for long');
    t.pass('pulls in process-id namespaces of their own too', noNamespaces === undefined ? {} : { skip: noNamespaces });
  },
);
