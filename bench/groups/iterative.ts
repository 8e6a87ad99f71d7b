import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../bench.js';
import { checkBlob } from '../content.js';
import { putFloor } from '../contestants/floor.js';
import { planWithVhdup, pushWithVhdup } from '../contestants/vhdup.js';
import { atMost, ratio } from '../goals.js';
import { changedBytes } from '../inputs/children.js';
import { merged, totalOf } from '../inputs/input.js';
import { rowOf, type Findings, type Sample } from '../results.js';
import { pushChain } from '../pushed-chain.js';
import { settled } from '../settled.js';

const GROUP = 'iterative push';

/** Goal 5: the top of a chain over the blob of the layer below it, whose digest is known from an earlier check. */
export async function iterative(bench: Bench): Promise<Findings> {
  const { azurite, base } = await pushChain(bench);
  try {
    const top = await bench.inputs.touched();
    const to = (name: string) => ['--base', base, '--to', azurite.uri(name)];
    // The first look at the base fills the digest cache, and is not measured.
    await settled((await bench.inputs.installed()).path, (text) => {
      bench.say(text);
    });
    const known = join(bench.folder, 'warm-cache');
    const { plan } = await planWithVhdup(bench, top.path, to('planned'), known);
    // Each run gets a copy: what it learns of the top itself is not for the next.
    const pushWith = async (blob: string, flags: readonly string[]) => {
      const cache = join(bench.folder, `warm-cache-${blob}`);
      await cp(known, cache, { recursive: true });
      return pushed(await pushWithVhdup(bench, top.path, [...flags, ...to(blob)], cache));
    };
    const ranges = merged(top.changed, plan.gap);
    const contestants = {
      'vhdup --no-md5': (blob: string) => pushWith(blob, ['--no-md5']),
      vhdup: (blob: string) => pushWith(blob, []),
      floor: async (blob: string) => ({
        ...(await putFloor(bench, top, ranges, azurite.uri(blob), { md5: false })),
        bytes: totalOf(ranges),
      }),
      'floor with MD5': async (blob: string) => ({
        ...(await putFloor(bench, top, ranges, azurite.uri(blob), { md5: true })),
        bytes: totalOf(ranges),
      }),
    };
    const samples = new Map<string, Sample[]>();
    for (let round = 0; round < bench.rounds; round++) {
      for (const [name, contestant] of Object.entries(contestants)) {
        bench.say(`iterative push, round ${round + 1}: ${name}`);
        const blob = `${name.replaceAll(' ', '-')}-${round}`;
        const { wallMs, cpuMs, rss, bytes } = await contestant(blob);
        samples.set(name, [...(samples.get(name) ?? []), { wallMs, cpuMs, rss, bytes }]);
        if (round === 0 && name === 'vhdup') await checkBlob(azurite.container, blob, top);
      }
    }
    const rows = [...samples].map(([contestant, own]) =>
      rowOf({ group: GROUP, input: top.name, server: 'Azurite', contestant }, own),
    );
    const row = (name: keyof typeof contestants) => rows.find(({ contestant }) => contestant === name);
    const allowed = 1.05 * changedBytes(top) + plan.totals.gaps;
    return {
      rows,
      goals: [
        atMost(1, {
          number: 5,
          what: 'bytes sent over 1.05 × changed bytes + merge allowance',
          reached: ratio(row('vhdup')?.bytes, allowed),
        }),
        atMost(3, {
          number: 5,
          what: 'wall, --no-md5, over the floor',
          reached: ratio(row('vhdup --no-md5')?.wallMs, row('floor')?.wallMs),
        }),
        atMost(3, {
          number: 5,
          what: 'wall, Content-MD5, over the floor',
          reached: ratio(row('vhdup')?.wallMs, row('floor')?.wallMs),
        }),
      ],
    };
  } finally {
    await azurite.stop();
  }
}

function pushed(run: Awaited<ReturnType<typeof pushWithVhdup>>): Sample & { readonly bytes: number } {
  return { ...run, bytes: run.result.sent };
}
