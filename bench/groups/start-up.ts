import type { Bench } from '../bench.js';
import { VHDUP } from '../contestants/vhdup.js';
import { atMost, ratio } from '../goals.js';
import { measure } from '../measure.js';
import { rowOf, type Findings, type Sample } from '../results.js';

/** How many runs of each a round stands for: they are short. */
const RUNS_PER_ROUND = 5;

/** Goal 8: what it takes to begin. */
export async function startUp(bench: Bench): Promise<Findings> {
  const { path } = await bench.inputs.scattered();
  const contestants = {
    'node -e 0': ['-e', '0'],
    'vhdup --version': [VHDUP, '--version'],
    'vhdup info': [VHDUP, 'info', path],
  };
  const samples = new Map<string, Sample[]>();
  bench.say('start-up');
  for (let run = 0; run < bench.rounds * RUNS_PER_ROUND; run++) {
    for (const [name, args] of Object.entries(contestants)) {
      const { wallMs, cpuMs, rss } = await measure(process.execPath, args);
      samples.set(name, [...(samples.get(name) ?? []), { wallMs, cpuMs, rss }]);
    }
  }
  const rows = [...samples].map(([contestant, own]) =>
    rowOf({ group: 'start-up', input: '', server: '', contestant }, own),
  );
  const wall = (name: keyof typeof contestants) => rows.find(({ contestant }) => contestant === name)?.wallMs;
  return {
    rows,
    goals: [
      atMost(3, {
        number: 8,
        what: 'vhdup --version over node -e 0',
        reached: ratio(wall('vhdup --version'), wall('node -e 0')),
      }),
      atMost(6, {
        number: 8,
        what: 'vhdup info over node -e 0',
        reached: ratio(wall('vhdup info'), wall('node -e 0')),
      }),
    ],
  };
}
