import { rm } from 'node:fs/promises';
import type { Bench } from '../bench.js';
import { checkBlob, nonZeroBytes } from '../content.js';
import { convertToFixed, copyWithAzcopy } from '../contestants/azcopy.js';
import { putFloor } from '../contestants/floor.js';
import { pushWithVhdup } from '../contestants/vhdup.js';
import { atMost, ratio } from '../goals.js';
import type { Input } from '../inputs/input.js';
import { CONVERSIONS } from '../inputs/converted.js';
import { rowOf, type Findings, type Goal, type Row, type Sample } from '../results.js';
import { startAzuriteTarget } from '../servers/target.js';
import { pushToSink, toSink } from '../sink-runs.js';

const GROUP = 'formats';
const NAMES = ['vhdup', 'qemu-img convert', 'azcopy', 'floor with MD5'] as const;
type Name = (typeof NAMES)[number];

/** Goals 13 and 14: images of other formats where they lie, against a conversion to a fixed VHD and azcopy. */
export async function formats(bench: Bench): Promise<Findings> {
  const rows: Row[] = [];
  const goals: Goal[] = [];
  for (const kind of ['zlib', 'zstd', 'qcow2', 'vhdx'] as const) {
    const input = await bench.inputs.rootAs(CONVERSIONS[kind]);
    await checkContent(bench, input);
    const found = await contest(bench, input);
    rows.push(...found);
    goals.push(...goalsOf(bench, input, found, kind === 'zlib' || kind === 'zstd'));
  }
  return { rows, goals };
}

/** The blob has the bytes of the disk. */
async function checkContent(bench: Bench, input: Input): Promise<void> {
  bench.say(`${input.name}: is the blob right?`);
  const azurite = await startAzuriteTarget(bench.folder);
  try {
    await pushWithVhdup(bench, input.path, ['--to', azurite.uri('checked')]);
    await checkBlob(azurite.container, 'checked', input);
  } finally {
    await azurite.stop();
  }
}

async function contest(bench: Bench, input: Input): Promise<Row[]> {
  const samples: Record<Name, Sample[]> = { vhdup: [], 'qemu-img convert': [], azcopy: [], 'floor with MD5': [] };
  const least = await nonZeroBytes(input);
  for (let round = 0; round < bench.rounds; round++) {
    bench.say(`push of ${input.name}, round ${round + 1}`);
    const { sample, report } = await pushToSink(bench, input.path, []);
    samples.vhdup.push(sample);
    const ranges = report.puts.filter(([offset]) => offset < input.size);
    const floor = await toSink(bench, (uri) => putFloor(bench, input, ranges, uri, { md5: true }));
    samples['floor with MD5'].push(floor.sample);
    const { fixed, ...conversion } = await convertToFixed(input);
    samples['qemu-img convert'].push(conversion);
    if (!('missing' in bench.azcopy)) {
      const copy = await toSink(bench, (uri) => copyWithAzcopy(bench, fixed, uri, { md5: false }));
      if (copy.report.bytes < least) throw new Error(`azcopy sent ${copy.report.bytes} bytes of ${least}`);
      samples.azcopy.push(copy.sample);
    }
    await rm(fixed);
  }
  return NAMES.filter((name) => samples[name].length > 0).map((contestant) =>
    rowOf({ group: GROUP, input: input.name, server: 'sink', contestant }, samples[contestant]),
  );
}

function goalsOf({ azcopy }: Bench, { name }: Input, rows: readonly Row[], isCompressed: boolean): Goal[] {
  const row = (contestant: Name) => rows.find((candidate) => candidate.contestant === contestant);
  const note = 'missing' in azcopy ? azcopy.missing : undefined;
  const sum = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined ? undefined : a + b;
  const wall = atMost(isCompressed ? 0.6 : 0.5, {
    number: isCompressed ? 13 : 14,
    what: `${name}, sink: wall, no flags, over conversion and azcopy`,
    reached: ratio(row('vhdup')?.wallMs, sum(row('qemu-img convert')?.wallMs, row('azcopy')?.wallMs)),
    note,
  });
  if (!isCompressed) return [wall];
  const floor = row('floor with MD5')?.cpuMs ?? 0;
  return [
    wall,
    atMost(1.3, {
      number: 13,
      what: `${name}, sink: CPU above the floor with MD5, over conversion alone`,
      reached: ratio((row('vhdup')?.cpuMs ?? 0) - floor, row('qemu-img convert')?.cpuMs),
    }),
  ];
}
