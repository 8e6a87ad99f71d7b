import { rm } from 'node:fs/promises';
import type { Bench } from '../bench.js';
import { nonZeroBytes } from '../content.js';
import { convertToFixed, copyWithAzcopy } from '../contestants/azcopy.js';
import { atMost, ratio } from '../goals.js';
import { rowOf, type Findings, type Sample } from '../results.js';
import { pushToSink, toSink } from '../sink-runs.js';

const GROUP = 'default';
/** How many pairs of runs a round stands for: they are short, and the machine may be busy. */
const PAIRS_PER_ROUND = 3;

/** Goal 12: what people type, without any flag, on a mostly empty disk; azcopy gets the disk converted already. */
export async function byDefault(bench: Bench): Promise<Findings> {
  const { azcopy, rounds, say } = bench;
  const input = await bench.inputs.large();
  const note = 'missing' in azcopy ? azcopy.missing : undefined;
  const samples = { vhdup: [] as Sample[], azcopy: [] as Sample[] };
  const fixed = note === undefined ? (await convertToFixed(input)).fixed : undefined;
  const least = await nonZeroBytes(input);
  for (let pair = 0; pair < rounds * PAIRS_PER_ROUND; pair++) {
    say(`default push of ${input.name}, pair ${pair + 1}`);
    samples.vhdup.push((await pushToSink(bench, input.path, [])).sample);
    if (fixed === undefined) continue;
    const { sample, report } = await toSink(bench, (uri) => copyWithAzcopy(bench, fixed, uri, { md5: false }));
    if (report.bytes < least) throw new Error(`azcopy sent ${report.bytes} bytes of ${least}`);
    samples.azcopy.push(sample);
  }
  if (fixed !== undefined) await rm(fixed);
  const rows = Object.entries(samples)
    .filter(([, own]) => own.length > 0)
    .map(([contestant, own]) => rowOf({ group: GROUP, input: input.name, server: 'sink', contestant }, own));
  const wall = (name: keyof typeof samples) => rows.find(({ contestant }) => contestant === name)?.wallMs;
  return {
    rows,
    goals: [
      atMost(0.6, {
        number: 12,
        what: `${input.name}, sink: wall, no flags, over azcopy`,
        reached: ratio(wall('vhdup'), wall('azcopy')),
        note,
      }),
    ],
  };
}
