import { rm, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../../bench.js';
import { pushWithVhdup } from '../../contestants/vhdup.js';
import { atMost } from '../../goals.js';
import { fullDisks } from '../../inputs/compressed-leaves.js';
import { GIB, MIB } from '../../inputs/input.js';
import { LEAF } from '../../leaves.js';
import { rowOf, type Findings } from '../../results.js';
import { sinkTarget } from '../../servers/target.js';
import { GROUP, planOver } from './over-base.js';

const SIZE = 30 * GIB;
const NAME = '30 GiB, all of it data, qcow2';

/** Goals 20 and 21: a full disk of 30 GiB, whose list of leaves is as long as lists of its size get. */
export async function rebuiltList(bench: Bench): Promise<Findings> {
  bench.say(`making input: ${NAME}`);
  const folder = join(bench.folder, 'inputs', 'full');
  await mkdir(folder);
  const [before, after] = fullDisks(folder, SIZE);
  const { sink } = bench;
  await sink.reset();
  const uris = { base: sinkTarget(sink).uri('base'), to: sinkTarget(sink).uri('planned') };
  bench.say(`${NAME}: the base`);
  const { result, ...pushed } = await pushWithVhdup(bench, before, ['--to', uris.base, '--no-md5']);
  const { requests: first } = await sink.report();
  bench.say(`${NAME}: comparison`);
  const planned = await planOver(bench, { path: after }, uris);
  const { requests: all } = await sink.report();
  const own = Object.entries(all)
    .map(([kind, count]) => [kind, count - (first[kind] ?? 0)] as const)
    .filter(([, count]) => count > 0);
  const requests = Object.fromEntries(own);
  await rm(folder, { recursive: true });
  const changed = Math.ceil(SIZE / LEAF / 10_000) * LEAF;
  if (planned.leaves.changed !== changed)
    throw new Error(`${NAME}: ${planned.leaves.changed} bytes in changed leaves, not ${changed}`);
  const place = { group: GROUP, input: NAME, server: 'sink' };
  const costOf = ({ wallMs, cpuMs, rss }: typeof pushed) => ({ wallMs, cpuMs, rss });
  const memory = (what: string, rss: number) =>
    atMost(300, { number: 21, what: `${NAME}: peak RSS, ${what}`, unit: 'MiB', reached: rss / MIB });
  return {
    rows: [
      rowOf({ ...place, contestant: 'vhdup --no-md5' }, [{ ...costOf(pushed), bytes: result.sent, requests: first }]),
      rowOf({ ...place, contestant: 'vhdup --base --dry-run' }, [{ ...costOf(planned), requests }]),
    ],
    goals: [
      atMost(4, { number: 20, what: `${NAME}: GETs of the list`, unit: '', reached: requests['read-leaves'] ?? 0 }),
      memory('full push', pushed.rss),
      memory('comparison', planned.rss),
    ],
  };
}
