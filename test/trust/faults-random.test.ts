import t from 'tap';
import { PASSING_FAULTS, WRITES, atRandom, mendNames } from '../support/gate.js';
import { smallScene } from './small-scene.js';
import { seedOfRun } from '../support/scale.js';

const ROUNDS = Number(process.env['VHDUP_FAULT_ROUNDS'] ?? 4);

t.test(
  'a push that meets trouble at every tenth request, at random, gets there; at no point the destination lies',
  async (t) => {
    const seed = seedOfRun();
    t.comment(`seed ${seed}`);
    const { gate, azurite, pushed, endOf, assertPushed, assertHonest, assertBaseIntact } = await smallScene(t, {
      host: 'localhost',
    });
    for (let round = 0; round < ROUNDS; round++) {
      const name = `random-${round}`;
      gate.copies = { polls: round % 3, end: 'success' };
      gate.faults = atRandom(seed + round, 0.1, [...PASSING_FAULTS, 'expired-sas']);
      gate.onAnswer = async ({ kind, index }) => {
        if (WRITES.has(kind)) await assertHonest(name, `${name} after request ${index}, ${kind}`);
      };
      let isThere = false;
      for (let run = 0; run < 40 && !isThere; run++) {
        isThere =
          (await endOf(
            pushed(name, { retry: { attempts: 2, firstDelayMs: 1, maxDelayMs: 2, deadlineMs: 300 } }),
            `${name}, run ${run}`,
          )) === 'none';
        mendNames();
        await gate.idle();
        azurite.expireLease('vhds', name);
      }
      t.ok(isThere, `${name} got there`);
      gate.onAnswer = () => undefined;
      await assertPushed(name);
    }
    await assertBaseIntact();
  },
);
