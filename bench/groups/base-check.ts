import type { Bench } from '../bench.js';
import { dropFromCache, md5OfFile, readFiles } from '../contestants/reads.js';
import { planWithVhdup } from '../contestants/vhdup.js';
import { atMost, ratio } from '../goals.js';
import type { Run } from '../measure.js';
import { pushChain } from '../pushed-chain.js';
import { rowOf, type Findings, type Goal, type Row } from '../results.js';

const GROUP = 'first base check';

/** Goal 6: the check of an ancestor that was never seen, against what it cannot do without. */
export async function baseCheck(bench: Bench): Promise<Findings> {
  const { azurite, base } = await pushChain(bench);
  try {
    const [root, middle, top] = [
      await bench.inputs.root(),
      await bench.inputs.installed(),
      await bench.inputs.touched(),
    ];
    const layers = [root.path, middle.path];
    const check = (kind: string) =>
      planWithVhdup(bench, top.path, ['--base', base, '--to', azurite.uri('planned'), '--base-check', kind]);
    const contestants: Record<string, () => Promise<Run>> = {
      'vhdup --base-check md5': () => check('md5'),
      'MD5 of the virtual size': () => md5OfFile(bench, middle.flat),
      'vhdup --base-check content': () => check('content'),
      'reading the allocated bytes': () => readFiles(bench, layers),
    };
    const rows: Row[] = [];
    const goals: Goal[] = [];
    for (const warmth of ['warm', 'cold'] as const) {
      const wall = new Map<string, number>();
      let isCold = true;
      for (const [contestant, run] of Object.entries(contestants)) {
        bench.say(`base check, ${warmth}: ${contestant}`);
        if (warmth === 'warm') await readFiles(bench, [...layers, top.path, middle.flat]);
        else isCold = (await dropFromCache([...layers, top.path, middle.flat])) && isCold;
        const { wallMs, cpuMs, rss } = await run();
        wall.set(contestant, wallMs);
        rows.push(
          rowOf({ group: GROUP, input: `${middle.name}, page cache ${warmth}`, server: 'Azurite', contestant }, [
            { wallMs, cpuMs, rss },
          ]),
        );
      }
      const note =
        warmth === 'warm' || isCold
          ? undefined
          : 'the page cache could not be emptied, or nothing tells whether it was';
      goals.push(
        atMost(1.1, {
          number: 6,
          what: `${warmth}: --base-check md5 over MD5 of the virtual size`,
          reached: ratio(wall.get('vhdup --base-check md5'), wall.get('MD5 of the virtual size')),
          note,
        }),
        atMost(1.3, {
          number: 6,
          what: `${warmth}: --base-check content over reading the allocated bytes`,
          reached: ratio(wall.get('vhdup --base-check content'), wall.get('reading the allocated bytes')),
          note,
        }),
      );
    }
    return { rows, goals };
  } finally {
    await azurite.stop();
  }
}
