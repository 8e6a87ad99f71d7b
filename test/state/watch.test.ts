import { spawnSync } from 'node:child_process';
import t from 'tap';
import { thisOwner } from '../../src/state/owner.js';
import { Watch } from '../../src/state/watch.js';
import { ownerOf } from '../support/owners.js';

/** A process of another machine: nothing is proved of it. */
const elsewhere = () => ({ ...ownerOf(process.pid), boot: '00000000-0000-4000-8000-000000000000' });

/** Stands still, as a stopped process does. */
const standStill = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

t.test('a proof counts at once', (t) => {
  const watch = new Watch(1000, () => t.fail('nothing is waited for'));
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  t.equal(watch.judge('gone', { owner: ownerOf(pid), heartbeat: 'a' }, true), 'dead');
  t.equal(watch.judge('runs', { owner: { ...thisOwner(), token: 'a thread' }, heartbeat: 'a' }, true), 'alive');
  t.end();
});

t.test('without a proof the heartbeat counts: alive when it moves, dead after the silence', (t) => {
  let waits = 0;
  const watch = new Watch(100, () => waits++);
  const look = (heartbeat: string) => watch.judge('a', { owner: elsewhere(), heartbeat }, true);
  t.equal(look('a'), 'unclear');
  t.equal(look('b'), 'alive');
  for (let step = 0; step < 9; step++) {
    standStill(11);
    t.equal(look('b'), 'alive', 'it has moved before');
  }
  t.equal(waits, 0);
  standStill(20);
  t.equal(look('b'), 'dead');
  const silent = () => watch.judge('b', { owner: undefined, heartbeat: 'x' }, true);
  t.equal(silent(), 'unclear');
  for (let step = 0; step < 9; step++) {
    standStill(11);
    t.equal(silent(), 'unclear');
  }
  t.equal(waits, 1, 'said once');
  standStill(20);
  t.equal(silent(), 'dead');
  t.end();
});

t.test('a change from contending to holding is a sign of life', (t) => {
  const watch = new Watch(1000, undefined);
  t.equal(watch.judge('a', { owner: undefined, heartbeat: 'x' }, false), 'unclear');
  t.equal(watch.judge('a', { owner: undefined, heartbeat: 'x' }, true), 'alive');
  t.end();
});

t.test('one that runs and only contends counts as dead if it is silent', (t) => {
  const watch = new Watch(20, undefined);
  const state = { owner: { ...thisOwner(), token: 'a thread' }, heartbeat: 'a' };
  t.equal(watch.judge('a', state, false), 'alive');
  for (let step = 0; step < 12; step++) {
    standStill(3);
    watch.judge('a', state, false);
  }
  t.equal(watch.judge('a', state, false), 'dead');
  for (let step = 0; step < 12; step++) {
    standStill(3);
    t.equal(watch.judge('a', state, true), 'alive', 'but not while it holds the lock');
  }
  t.end();
});

t.test('a time in which this process stood still is no silence of the other', (t) => {
  const watch = new Watch(1000, undefined);
  const state = { owner: elsewhere(), heartbeat: 'a' };
  t.equal(watch.judge('a', state, true), 'unclear');
  standStill(1500);
  t.equal(watch.judge('a', state, true), 'unclear');
  t.equal(watch.judge('a', { ...state, heartbeat: 'b' }, true), 'alive');
  t.end();
});
