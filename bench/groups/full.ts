import { rm } from 'node:fs/promises';
import type { Bench } from '../bench.js';
import { checkBlob, nonZeroBytes } from '../content.js';
import { convertToFixed, copyWithAzcopy } from '../contestants/azcopy.js';
import { putFloor } from '../contestants/floor.js';
import { pushWithVhdup } from '../contestants/vhdup.js';
import { atMost, ratio } from '../goals.js';
import { GIB, type Extent, type Input } from '../inputs/input.js';
import type { Run } from '../measure.js';
import { rowOf, type Findings, type Goal, type Row, type Sample } from '../results.js';
import { sinkTarget, startAzuriteTarget, type AzuriteTarget, type Target } from '../servers/target.js';
import { pushToSink, toSink } from '../sink-runs.js';

const GROUP = 'full push';
const CONVERSION = 'qemu-img convert';
const NAMES = ['vhdup --no-md5', 'vhdup', 'azcopy', 'azcopy --put-md5', 'floor', 'floor with MD5'] as const;
type Name = (typeof NAMES)[number];
/** By default a mostly empty disk gets no Content-MD5. */
const WITH_MD5 = ['--content-md5', 'always'] as const;

/** What goes on while one disk is measured. */
interface Contest {
  readonly bench: Bench;
  readonly input: Input;
  /** What vhdup sends of it: the floor sends the same. */
  readonly ranges: readonly Extent[];
  /** The fixed VHD; `undefined` where azcopy cannot take part. */
  readonly fixed: string | undefined;
}

/** An input, and how much it is worth. */
interface Plan {
  readonly make: () => Promise<Input>;
  readonly rounds: number;
  /** Whether the MD5 of the whole disk is asked for at the sink too: for a large one it takes the same to any server. */
  readonly isMd5ToSink: boolean;
}

const SERVERS: readonly Target['name'][] = ['Azurite', 'sink'];

/** Goals 1, 2 and 4: a whole disk to both servers. */
export async function full(bench: Bench): Promise<Findings> {
  const { inputs, rounds } = bench;
  const all: readonly Plan[] = [
    { make: inputs.scattered, rounds, isMd5ToSink: true },
    // azcopy reads all of it, and with an MD5 so does vhdup: one long run is enough.
    { make: inputs.large, rounds: 1, isMd5ToSink: false },
    { make: inputs.root, rounds: 1, isMd5ToSink: true },
  ];
  const rows: Row[] = [];
  const goals: Goal[] = [];
  for (const plan of all) {
    const input = await plan.make().catch((error: unknown) => {
      bench.say(`left out: ${String(error)}`);
    });
    if (!input) continue;
    const found = await contest(bench, input, plan);
    rows.push(...found);
    for (const server of SERVERS) goals.push(...goalsOf(bench, input, server, found));
  }
  return { rows, goals };
}

async function contest(bench: Bench, input: Input, { rounds, isMd5ToSink }: Plan): Promise<Row[]> {
  bench.say(`full push of ${input.name}: what it takes`);
  const { report } = await pushToSink(bench, input.path, ['--no-md5']);
  const ranges = report.puts.filter(([offset]) => offset < input.size);
  const samples = new Map<string, Sample[]>();
  const add = (server: string, name: string, sample: Sample) =>
    samples.set(`${server}\n${name}`, [...(samples.get(`${server}\n${name}`) ?? []), sample]);
  let fixed: string | undefined;
  for (let round = 0; round < rounds; round++) {
    if (!('missing' in bench.azcopy)) {
      const converted = await convertToFixed(input);
      fixed = converted.fixed;
      add('', CONVERSION, converted);
    }
    const own: Contest = { bench, input, ranges, fixed };
    const azurite = await startAzuriteTarget(bench.folder);
    try {
      await putFloor(bench, input, ranges.slice(0, 16), azurite.uri('warm-up'), { md5: false });
      for (const name of turned(NAMES, round)) {
        if (isOfAzcopy(name) && fixed === undefined) continue;
        bench.say(`full push of ${input.name}, round ${round + 1}: ${name}`);
        add('Azurite', name, await onAzurite(own, name, azurite, round));
        if (isMd5ToSink || !isWithWholeMd5(name)) add('sink', name, await onSink(own, name));
      }
    } finally {
      await azurite.stop();
    }
  }
  if (fixed !== undefined) await rm(fixed);
  return [...samples].map(([key, own]) => {
    const [server = '', contestant = ''] = key.split('\n');
    return rowOf({ group: GROUP, input: input.name, server, contestant }, own);
  });
}

/** Everybody begins once, so that nobody is always first or last. */
function turned<T>(items: readonly T[], by: number): T[] {
  return [...items.slice(by % items.length), ...items.slice(0, by % items.length)];
}

function isOfAzcopy(name: Name): boolean {
  return name.startsWith('azcopy');
}

function isWithWholeMd5(name: Name): boolean {
  return name === 'vhdup' || name === 'azcopy --put-md5';
}

function run(contest: Contest, name: Name, { uri }: Target, blob: string): Promise<Run> {
  const { bench, input, ranges, fixed = '' } = contest;
  switch (name) {
    case 'vhdup --no-md5':
      return pushWithVhdup(bench, input.path, ['--no-md5', '--to', uri(blob)]);
    case 'vhdup':
      return pushWithVhdup(bench, input.path, [...WITH_MD5, '--to', uri(blob)]);
    case 'azcopy':
      return copyWithAzcopy(bench, fixed, uri(blob), { md5: false });
    case 'azcopy --put-md5':
      return copyWithAzcopy(bench, fixed, uri(blob), { md5: true });
    case 'floor':
      return putFloor(bench, input, ranges, uri(blob), { md5: false });
    case 'floor with MD5':
      return putFloor(bench, input, ranges, uri(blob), { md5: true });
  }
}

async function onSink(contest: Contest, name: Name): Promise<Sample> {
  const { bench, input, ranges } = contest;
  if (name === 'vhdup') return (await pushToSink(bench, input.path, WITH_MD5)).sample;
  if (name === 'vhdup --no-md5') return (await pushToSink(bench, input.path, ['--no-md5'])).sample;
  const { sample, report } = await toSink(bench, () => run(contest, name, sinkTarget(bench.sink), 'disk'));
  const least = isOfAzcopy(name) ? await nonZeroBytes(input) : ranges.reduce((sum, [, length]) => sum + length, 0);
  if (report.bytes < least) throw new Error(`${name} sent ${report.bytes} bytes of ${least}`);
  return sample;
}

async function onAzurite(contest: Contest, name: Name, azurite: AzuriteTarget, round: number): Promise<Sample> {
  const blob = name.replaceAll(' ', '-');
  const { wallMs, cpuMs, rss } = await run(contest, name, azurite, blob);
  const { contentMD5 } = await azurite.container.getBlobClient(blob).getProperties();
  if (isWithWholeMd5(name) && !contentMD5) throw new Error(`${name} left no Content-MD5`);
  if (round === 0 && name === 'vhdup --no-md5') await checkBlob(azurite.container, blob, contest.input);
  return { wallMs, cpuMs, rss };
}

function goalsOf({ azcopy }: Bench, { name: input }: Input, server: Target['name'], rows: readonly Row[]): Goal[] {
  const row = (name: Name) => rows.find((candidate) => candidate.server === server && candidate.contestant === name);
  const wall = (name: Name) => row(name)?.wallMs;
  const cpu = (name: Name) => {
    const found = row(name);
    return found && found.cpuMs / ((found.bytes ?? 0) / GIB);
  };
  const conversion = rows.find(({ contestant }) => contestant === CONVERSION)?.wallMs;
  const azcopyWall = wall('azcopy');
  const withConversion = azcopyWall === undefined || conversion === undefined ? undefined : azcopyWall + conversion;
  const note = 'missing' in azcopy ? azcopy.missing : undefined;
  const where = `${input}, ${server}`;
  return [
    atMost(0.6, {
      number: 1,
      what: `${where}: wall, --no-md5, over azcopy`,
      reached: ratio(wall('vhdup --no-md5'), azcopyWall),
      note,
    }),
    atMost(0.4, {
      number: 1,
      what: `${where}: wall, --no-md5, over conversion and azcopy`,
      reached: ratio(wall('vhdup --no-md5'), withConversion),
      note,
    }),
    ...(row('vhdup')
      ? [
          atMost(1, {
            number: 2,
            what: `${where}: wall, Content-MD5 on both sides, over azcopy`,
            reached: ratio(wall('vhdup'), wall('azcopy --put-md5')),
            note,
          }),
        ]
      : []),
    ...(server === 'sink'
      ? [
          atMost(1.3, {
            number: 4,
            what: `${where}: CPU per GiB sent, --no-md5, over the floor with MD5`,
            reached: ratio(cpu('vhdup --no-md5'), cpu('floor with MD5')),
          }),
          atMost(1.3, {
            number: 4,
            what: `${where}: CPU per GiB sent, --no-md5, over the floor without MD5`,
            reached: ratio(cpu('vhdup --no-md5'), cpu('floor')),
          }),
          atMost(1, {
            number: 4,
            what: `${where}: CPU per GiB sent, --no-md5, over azcopy`,
            reached: ratio(cpu('vhdup --no-md5'), cpu('azcopy')),
            note,
          }),
        ]
      : []),
  ];
}
