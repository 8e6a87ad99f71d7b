/*
 * Third parties at every step. Random pushes, full ones and ones over a base, on the service and on an emulator, are
 * interrupted (killed, Ctrl-C, refused, their lease broken) and resumed: on this machine, on another, from copies of the
 * files. Meanwhile somebody else, by the SDK and without the lease, writes, clears, sets metadata and Content-MD5,
 * deletes and makes anew, breaks leases and takes his own: at any request of either run, or between the runs. When all is
 * done, the finished blob is overwritten.
 *
 * Whenever a command ends with exit code 0, all of this holds at that moment, else it is a false success: the blob has
 * the bytes of the disk and its footer, Content-MD5 is theirs, the metadata says complete, the base is as it was.
 *
 * Two attacks that have succeeded once are played on their own.
 *
 * VHDUP_THIRD_PARTIES: how many deeds of theirs are to be done (those that a lease keeps out are not counted).
 * VHDUP_SEED: repeats the rounds of a seed; with VHDUP_ROUND, one of them. What a failure prints has both.
 */
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../support/folder.js';
import { scaled, seedOfRun } from '../support/scale.js';
import { forEachLimited, newLimit } from '../../src/run/concurrency.js';
import { play, type Verdict } from './play.js';
import { roundOf, type Round } from './rounds.js';
import { nextSecond } from './third-party.js';
import { startWorld, writeChain, type Chain, type World } from './world.js';

const DEEDS = Number(process.env['VHDUP_THIRD_PARTIES'] ?? scaled(20));
const SEED = seedOfRun();
const ONLY = process.env['VHDUP_ROUND'];
const LANES = 2;
/** Rounds on one server: it keeps in memory whatever was written. */
const ROUNDS_A_WORLD = 60;
const MAX_SHOWN = 10;

/** What one of the parallel lanes plays on: a server of each kind, begun anew from time to time. */
class Lane {
  readonly #chain: Chain;
  readonly #worlds = new Map<boolean, { world: World; rounds: number }>();

  constructor(chain: Chain) {
    this.#chain = chain;
  }

  async world(isEmulator: boolean): Promise<World> {
    const there = this.#worlds.get(isEmulator);
    if (there && ++there.rounds <= ROUNDS_A_WORLD) return there.world;
    await there?.world.stop();
    const world = await startWorld(this.#chain, isEmulator);
    this.#worlds.set(isEmulator, { world, rounds: 1 });
    return world;
  }

  async stop(): Promise<void> {
    for (const { world } of this.#worlds.values()) await world.stop();
  }
}

t.test(
  'whatever third parties do to a destination, and whenever: exit code 0 stands on the right bytes, and the same command gets there',
  async (t) => {
    const folder = await temporaryFolder(t);
    t.comment(`VHDUP_SEED=${SEED} VHDUP_THIRD_PARTIES=${DEEDS}`);
    const lanes = await Promise.all(
      Array.from(
        { length: LANES },
        async (_, index) => new Lane(await writeChain(join(folder, `lane ${index}`, 'files'), index % 2 === 0)),
      ),
    );
    t.teardown(async () => {
      for (const lane of lanes) await lane.stop();
    });
    const free = [...lanes];
    const sums = { rounds: 0, taken: 0, refused: 0, falseSuccesses: 0, roundsWithThem: 0, gaps: 0, troubles: 0 };
    const gaps = new Map<string, number>();
    const indices = function* () {
      if (ONLY !== undefined) return void (yield Number(ONLY));
      for (let index = 0; sums.taken < DEEDS; index++) yield index;
    };
    await forEachLimited(
      indices(),
      newLimit(LANES),
      async (index) => {
        const lane = free.pop();
        if (!lane) throw new Error('no lane is free');
        const round = roundOf(SEED, index);
        const verdict = await play(await lane.world(round.isEmulator), round);
        free.push(lane);
        sums.rounds++;
        sums.taken += verdict.taken;
        sums.refused += verdict.refused;
        sums.gaps += verdict.gaps.length;
        for (const { why } of verdict.gaps) gaps.set(why, (gaps.get(why) ?? 0) + 1);
        const before = sums.roundsWithThem + sums.troubles;
        sums.falseSuccesses += verdict.falseSuccesses.length;
        sums.roundsWithThem += verdict.falseSuccesses.length > 0 ? 1 : 0;
        sums.troubles += verdict.troubles.length;
        if (before < MAX_SHOWN || ONLY !== undefined) show(verdict, `VHDUP_SEED=${SEED} VHDUP_ROUND=${index}`, round);
      },
      () => undefined,
    );

    function show({ falseSuccesses, troubles, log, gaps }: Verdict, repeat: string, round: unknown): void {
      if (falseSuccesses.length + troubles.length === 0 && ONLY === undefined) return;
      t.comment(
        `${repeat}\n${[...falseSuccesses.map((what) => `FALSE SUCCESS: ${what}`), ...troubles.map((what) => `TROUBLE: ${what}`), ...gaps.map(({ what, why }) => `known gap: ${what}: ${why}`), ...log].join('\n')}\n${JSON.stringify(round)}`,
      );
    }

    t.comment(
      `third parties: ${sums.taken} deeds done, ${sums.refused} kept out, in ${sums.rounds} rounds; ${sums.gaps} wrong ends in known gaps; ${sums.falseSuccesses} false successes in ${sums.roundsWithThem} rounds, ${sums.troubles} other troubles`,
    );
    for (const [why, count] of gaps) t.comment(`  known gap, ${count} times: ${why}`);
    t.equal(sums.falseSuccesses, 0, 'no false success');
    t.equal(sums.troubles, 0, 'the same command gets there, or says why not');
  },
);

/** By the library, on the service, one request at a time; nothing happens. */
const QUIET: Round = {
  index: 0,
  isEmulator: false,
  isOverBase: false,
  interruption: { kind: 'none', request: 0, moment: 'before' },
  first: { isProcess: false, concurrency: 1 },
  second: { isProcess: false, concurrency: 1 },
  machine: { state: 'same', files: 'same' },
  actions: [],
  afterwards: 'nothing',
  lastSpot: { place: 'outside', pick: 0 },
};

t.test(
  'what somebody writes to a copy within the second of its completion is noticed on resume if a run of this machine has held the copy and ended in order',
  async (t) => {
    const world = await startWorld(await writeChain(join(await temporaryFolder(t), 'files'), true), false);
    t.teardown(() => world.stop());
    for (let index = 0; index < 3; index++) {
      const at = { run: 'between', request: 1, side: 'before' } as const;
      await nextSecond();
      const { falseSuccesses, troubles, log } = await play(world, {
        ...QUIET,
        index,
        isOverBase: true,
        interruption: { kind: 'forbidden', request: 10, moment: 'before' },
        actions: [
          { at, force: 'none', deed: 'write', spot: { place: 'outside', pick: index }, pages: 1, inNextSecond: false },
        ],
      });
      t.strictSame([...falseSuccesses, ...troubles], [], log.join('; '));
    }
  },
);

t.test(
  'a lease that somebody breaks, before whichever request, ends the push with an exit code that says so, and the same command resumes',
  async (t) => {
    const world = await startWorld(await writeChain(join(await temporaryFolder(t), 'files'), true), false);
    t.teardown(() => world.stop());
    for (let request = 3; request <= 24; request++) {
      const { falseSuccesses, troubles, log } = await play(world, {
        ...QUIET,
        index: request,
        interruption: { kind: 'lease-broken', request, moment: 'before' },
      });
      t.strictSame([...falseSuccesses, ...troubles], [], `before request ${request}: ${log.join('; ')}`);
    }
  },
);
