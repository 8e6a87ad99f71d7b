import { rm } from 'node:fs/promises';
import type { Bench } from '../../bench.js';
import { checkBlob } from '../../content.js';
import { convertToFixed, copyWithAzcopy } from '../../contestants/azcopy.js';
import { pushWithVhdup } from '../../contestants/vhdup.js';
import { atMost, ratio } from '../../goals.js';
import { CONVERSIONS, converted } from '../../inputs/converted.js';
import type { Input } from '../../inputs/input.js';
import { rowOf, type Findings, type Goal, type Row, type Sample } from '../../results.js';
import { startAzuriteTarget, type AzuriteTarget } from '../../servers/target.js';
import { GROUP, pushOver } from './over-base.js';

const OVER = 'vhdup --base';
const OVER_WITHOUT_MD5 = 'vhdup --base --no-md5';
const FULL = 'vhdup';
const FULL_WITHOUT_MD5 = 'vhdup --no-md5';
const NAMES = [OVER, OVER_WITHOUT_MD5, FULL, FULL_WITHOUT_MD5] as const;
type Name = (typeof NAMES)[number] | 'qemu-img convert' | 'azcopy';

/** Two neighbouring versions of a disk. */
interface Pair {
  readonly base: Input;
  readonly disk: Input;
  readonly rounds: number;
}

/** Goal 18: how long a push of a few changed files takes, against a full push, and against conversion and azcopy. */
export async function rebuiltWall(bench: Bench): Promise<Findings> {
  const versions = await bench.inputs.versions();
  const [inPlace, anew] = [versions['changed in place'], versions.rebuilt];
  const pairs: Pair[] = [];
  for (const [list, rounds] of [
    [inPlace, bench.rounds],
    [anew, 1],
  ] as const) {
    const [, , base, disk] = list;
    if (base && disk) pairs.push({ base, disk, rounds });
  }
  const [raw] = pairs;
  if (raw) {
    bench.say('making input: the same as QCOW2');
    pairs.push({ ...raw, disk: await converted(raw.disk, CONVERSIONS.qcow2), rounds: 1 });
  }
  const rows: Row[] = [];
  const goals: Goal[] = [];
  for (const pair of pairs) {
    const found = await contest(bench, pair);
    rows.push(...found);
    goals.push(...goalsOf(bench, pair.disk, found));
  }
  return { rows, goals };
}

async function contest(bench: Bench, { base, disk, rounds }: Pair): Promise<Row[]> {
  const samples = new Map<Name, Sample[]>();
  const add = (name: Name, { wallMs, cpuMs, rss, bytes }: Sample) =>
    samples.set(name, [
      ...(samples.get(name) ?? []),
      { wallMs, cpuMs, rss, ...(bytes === undefined ? {} : { bytes }) },
    ]);
  for (let round = 0; round < rounds; round++) {
    const azurite = await startAzuriteTarget(bench.folder);
    try {
      bench.say(`${disk.name}, round ${round + 1}: the base`);
      await pushWithVhdup(bench, base.path, ['--to', azurite.uri('base')]);
      for (const name of NAMES) {
        bench.say(`${disk.name}, round ${round + 1}: ${name}`);
        const blob = name.replaceAll(' ', '-');
        const { result, ...cost } = await push(bench, disk, name, azurite);
        add(name, { ...cost, bytes: result.sent });
        if (round === 0 && name === OVER) await checkBlob(azurite.container, blob, disk);
      }
      if ('missing' in bench.azcopy) continue;
      bench.say(`${disk.name}, round ${round + 1}: azcopy`);
      const { fixed, ...conversion } = await convertToFixed(disk);
      add('qemu-img convert', conversion);
      add('azcopy', await copyWithAzcopy(bench, fixed, azurite.uri('azcopy'), { md5: false }));
      await rm(fixed);
    } finally {
      await azurite.stop();
    }
  }
  return [...samples].map(([contestant, own]) =>
    rowOf({ group: GROUP, input: disk.name, server: 'Azurite', contestant }, own),
  );
}

function push(bench: Bench, disk: Input, name: (typeof NAMES)[number], { uri }: AzuriteTarget) {
  const to = uri(name.replaceAll(' ', '-'));
  const flags = name.endsWith('--no-md5') ? ['--no-md5'] : [];
  if (name === FULL || name === FULL_WITHOUT_MD5) return pushWithVhdup(bench, disk.path, ['--to', to, ...flags]);
  return pushOver(bench, disk, { base: uri('base'), to }, flags);
}

function goalsOf({ azcopy }: Bench, { name }: Input, rows: readonly Row[]): Goal[] {
  const wall = (contestant: Name) => rows.find((row) => row.contestant === contestant)?.wallMs;
  const [conversion, copy] = [wall('qemu-img convert'), wall('azcopy')];
  const withConversion = conversion === undefined || copy === undefined ? undefined : conversion + copy;
  const note = 'missing' in azcopy ? azcopy.missing : undefined;
  return (
    [
      ['no flags', OVER, FULL],
      ['--no-md5', OVER_WITHOUT_MD5, FULL_WITHOUT_MD5],
    ] as const
  ).flatMap(([flags, over, full]) => [
    atMost(0.25, {
      number: 18,
      what: `${name}: wall, ${flags}, over the full push`,
      reached: ratio(wall(over), wall(full)),
    }),
    atMost(0.15, {
      number: 18,
      what: `${name}: wall, ${flags}, over conversion and azcopy`,
      reached: ratio(wall(over), withConversion),
      note,
    }),
  ]);
}
