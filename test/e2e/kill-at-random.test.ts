import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import fc from 'fast-check';
import t from 'tap';
import { fixedFooterOf, openDisk, push } from '../../src/index.js';
import { forEachLimited, newLimit } from '../../src/run/concurrency.js';
import { startAzurite, type Azurite } from '../support/azurite.js';
import { bytesOf, containerOf, endBreak, factsOf } from '../support/blobs.js';
import { chains, writeChain, type LayerSpec } from '../support/chains.js';
import { temporaryFolder } from '../support/folder.js';
import { scaled, seedOfRun } from '../support/scale.js';
import { gateFor, halfImageAt, killPush, putsIn, type KillPoint } from '../support/killed-push.js';

/** Pushes that are really killed at least once. The long form (`npm run test:soak`) has 200, and rounds with other seeds. */
const ROUNDS = Number(process.env['VHDUP_KILLS'] ?? scaled(20));
/** Later points are past the end of many a small push. */
const MAX_REQUEST = 20;

interface Round {
  readonly specs: readonly LayerSpec[];
  readonly base: number | undefined;
  readonly emulator: boolean;
  readonly kills: readonly KillPoint[];
}

const kill: fc.Arbitrary<KillPoint> = fc.record({
  request: fc.integer({ min: 1, max: MAX_REQUEST }),
  moment: fc.constantFrom('before' as const, 'during' as const, 'after' as const),
});

const rounds: fc.Arbitrary<Round> = fc.record({
  specs: chains,
  base: fc.option(fc.nat(4), { nil: undefined, freq: 4 }),
  emulator: fc.boolean(),
  // Some are killed again while they resume.
  kills: fc.oneof({ weight: 4, arbitrary: fc.tuple(kill) }, { weight: 1, arbitrary: fc.tuple(kill, kill) }),
});

/** One push, killed and resumed; false where it ended before it could be killed. */
async function play(
  azurite: Azurite,
  container: ContainerClient,
  folder: string,
  name: string,
  { specs, base, emulator, kills }: Round,
): Promise<boolean> {
  const own = await mkdtemp(join(folder, 'round-'));
  const layers = await writeChain(own, specs);
  const top = layers.at(-1);
  const below = base === undefined ? undefined : layers[base % layers.length];
  if (!top) throw new Error('no layer');
  if (below) {
    await using disk = await openDisk(below.path);
    await push(disk, { to: `${azurite.url}/vhds/${name}-base`, environment: azurite.env, stateFolder: own });
    await endBreak(container, `${name}-base`);
  }
  const before = await factsOf(container, `${name}-base`);
  return gateFor(azurite, emulator, async (gate) => {
    const to = `${gate.url}/vhds/${name}`;
    const over = below ? { base: `${gate.url}/vhds/${name}-base` } : {};
    let killed = 0;
    for (const kill of kills) {
      const isKilled = await killPush(
        gate,
        ['push', top.path, '--to', to, ...(below ? ['--base', over.base ?? ''] : []), '--quiet'],
        { ...gate.env, VHDUP_STATE_DIR: own },
        kill,
      );
      const wrong = await halfImageAt(container, name, top.content, below?.content);
      if (wrong !== undefined) throw new Error(wrong);
      if (!isKilled) break;
      killed++;
    }
    const written = putsIn(gate.records);
    gate.records = [];
    await using disk = await openDisk(top.path);
    const notes: string[] = [];
    await push(disk, {
      to,
      ...over,
      environment: gate.env,
      stateFolder: own,
      onEvent: (event) => {
        if (event.type === 'note') notes.push(event.message);
      },
    });
    if (notes.some((note) => note.includes('waiting'))) throw new Error('it waited for a lease of its own machine');
    const bytes = await bytesOf(container, name);
    if (!bytes.subarray(0, -512).equals(top.content) || !bytes.subarray(-512).equals(fixedFooterOf(disk)))
      throw new Error('other bytes');
    const twice = putsIn(gate.records).some(
      ({ offset, length }) =>
        offset < top.content.length &&
        written.some((other) => offset < other.offset + other.length && other.offset < offset + length),
    );
    if (twice) throw new Error('something that was written was sent again');
    if (JSON.stringify(await factsOf(container, `${name}-base`)) !== JSON.stringify(before))
      throw new Error('the base was touched');
    if (below && !(await bytesOf(container, `${name}-base`)).subarray(0, -512).equals(below.content))
      throw new Error('the base has other bytes');
    await rm(own, { recursive: true });
    return killed > 0;
  });
}

t.test(
  `${ROUNDS} pushes of random chains, killed at random, are resumed to equal bytes, and nothing is written twice`,
  async (t) => {
    const folder = await temporaryFolder(t);
    const azurite = await startAzurite();
    t.teardown(() => azurite.stop());
    const container = await containerOf(azurite, 'vhds');
    const seed = seedOfRun();
    t.comment(`seed ${seed}`);
    let killed = 0;
    const games = function* () {
      const sample = fc.sample(rounds, { seed, numRuns: ROUNDS * 2 });
      for (const [index, round] of sample.entries()) if (killed < ROUNDS) yield { index, round };
    };
    await forEachLimited(
      games(),
      newLimit(2),
      async ({ index, round }) => {
        try {
          if (await play(azurite, container, folder, `round-${index}`, round)) killed++;
        } catch (error) {
          throw new Error(
            `seed ${seed}, round ${index}: base ${round.base}, emulator ${round.emulator}, kills ${JSON.stringify(round.kills)}`,
            { cause: error },
          );
        }
      },
      () => undefined,
    );
    t.ok(killed >= ROUNDS, `${killed} were killed`);
  },
);
