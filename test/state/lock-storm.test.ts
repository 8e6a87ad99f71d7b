import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { temporaryFolder } from '../support/folder.js';
import { LockProcess, canUnshare } from '../support/lock-processes.js';

/** Crashes that five contenders find; a fraction of them in the other tests. `VHDUP_LOCK_ROUNDS=200` is the long form. */
const ROUNDS = Number(process.env['VHDUP_LOCK_ROUNDS'] ?? 10);

t.test(
  'five processes at once after a kill -9: exactly one gets it at once, the others hear that it is taken',
  async (t) => {
    const path = join(await temporaryFolder(t), 'a.lock');
    const five = await Promise.all(Array.from({ length: 5 }, () => LockProcess.start(t)));
    for (let round = 0; round < ROUNDS; round++) {
      const victim = await LockProcess.start(t);
      t.notSame((await victim.ask('take', { path })).token, undefined);
      await victim.kill();
      const began = performance.now();
      const answers = await Promise.all(five.map((one) => one.ask('take', { path })));
      const winners = five.filter((_, index) => answers[index]?.token !== undefined);
      if (winners.length !== 1) t.fail(`${winners.length} of 5 in round ${round}: ${JSON.stringify(answers)}`);
      if (performance.now() - began > 9000)
        t.fail(`it took ${performance.now() - began} ms, though the end of the victim can be proved`);
      await winners[0]?.ask('release');
    }
    t.pass(`${ROUNDS} rounds`);
  },
);

t.test(
  'two process-id namespaces on one folder: a lock that a killed process left is taken by exactly one, a held one by none',
  async (t) => {
    if (!canUnshare()) return void t.comment('no process-id namespace may be made here (root can): left out');
    const path = join(await temporaryFolder(t), 'a.lock');
    const silenceMs = 2000;
    const four = await Promise.all([true, true, false, false].map((isApart) => LockProcess.start(t, isApart)));
    for (let round = 0; round < Math.ceil(ROUNDS / 4); round++) {
      const victim = await LockProcess.start(t, round % 2 === 0);
      await victim.ask('take', { path, silenceMs });
      const busy = await Promise.all(four.map((one) => one.ask('take', { path, silenceMs })));
      if (busy.some(({ token }) => token !== undefined))
        t.fail(`taken from a living process in round ${round}: ${JSON.stringify(busy)}`);
      await victim.kill();
      const answers = await Promise.all(four.map((one) => one.ask('take', { path, silenceMs })));
      const winners = four.filter((_, index) => answers[index]?.token !== undefined);
      if (winners.length !== 1) t.fail(`${winners.length} of 4 in round ${round}: ${JSON.stringify(answers)}`);
      await winners[0]?.ask('release');
    }
    t.pass(`${Math.ceil(ROUNDS / 4)} rounds`);
  },
);

t.test('a storm of takers, some of them killed in the middle: never two at a time', async (t) => {
  const folder = await temporaryFolder(t);
  const options = { path: join(folder, 'a.lock'), marker: join(folder, 'marker') };
  let taken = 0;
  for (let round = 0; round < Math.ceil(ROUNDS / 5); round++) {
    const steady = await Promise.all([1, 2, 3].map(() => LockProcess.start(t)));
    const storms = steady.map((one) => one.ask('storm', { ...options, forMs: 1500 }));
    for (let killed = 0; killed < 3; killed++) {
      const victim = await LockProcess.start(t);
      victim.ask('storm', { ...options, forMs: 60_000 }).catch(() => undefined);
      await sleep(50 + Math.random() * 200);
      await victim.kill();
    }
    for (const answer of await Promise.all(storms)) {
      taken += answer.taken ?? 0;
      if (answer.shared !== 0) t.fail(`two at a time, ${answer.shared} times`);
    }
    await Promise.all(steady.map((one) => one.kill()));
  }
  t.ok(taken > 10, `taken ${taken} times`);
});
