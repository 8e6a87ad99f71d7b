import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from './folder.js';
import { Random } from './mutations.js';
import { writeQcow2Chain, writeVhdxChain, type RandomLayer } from './random-chain.js';
import { scaled, seedOfRun } from './scale.js';

const RUNS = scaled(20);

t.test('the ranges that a layer of a random chain decides explain how it differs from the one below', async (t) => {
  const folder = await temporaryFolder(t);
  const seed = seedOfRun();
  t.comment(`seed ${seed}`);
  for (let run = 0; run < RUNS; run++)
    for (const write of [writeQcow2Chain, writeVhdxChain]) {
      const own = await mkdtemp(join(folder, 'chain-'));
      const layers = await write(own, new Random(seed + run));
      for (const [index, layer] of layers.entries()) {
        const problem = problemOf(layer, layers[index - 1]);
        if (problem) throw new Error(`seed ${seed + run}: ${layer.path} ${problem}`);
      }
      await rm(own, { recursive: true });
    }
  t.pass(`${RUNS} chains of each kind`);
});

function problemOf({ content, decided, size }: RandomLayer, parent: RandomLayer | undefined): string | undefined {
  if (content.length !== size) return 'has another size';
  const below = Buffer.alloc(size);
  parent?.content.copy(below);
  let end = 0;
  for (const { offset, length, kind } of decided) {
    if (offset < end || length <= 0 || offset + length > size) return `has a wrong range at ${offset}`;
    if (!parent && offset !== end) return `is a root that does not decide ${end}`;
    if (!content.subarray(end, offset).equals(below.subarray(end, offset))) return `differs from ${end} to ${offset}`;
    if (kind === 'zero' && content.subarray(offset, offset + length).some((byte) => byte !== 0))
      return `has zeros at ${offset} that are none`;
    end = offset + length;
  }
  return content.subarray(end).equals(below.subarray(end)) ? undefined : `differs from ${end} on`;
}

t.test('the same seed gives the same chain', async (t) => {
  const folder = await temporaryFolder(t);
  for (const write of [writeQcow2Chain, writeVhdxChain]) {
    const first = await write(await mkdtemp(join(folder, 'a-')), new Random(5));
    const second = await write(await mkdtemp(join(folder, 'b-')), new Random(5));
    t.same(
      second.map(({ decided }) => decided),
      first.map(({ decided }) => decided),
    );
    t.ok(second.every(({ content }, index) => first[index]?.content.equals(content)));
  }
});
