import t from 'tap';
import { MAX_SKETCH, SketchBuilder, shareInCommon } from '../../src/digest/leaf-sketch.js';
import { VALUE } from '../../src/digest/tree.js';
import { leafValue } from '../support/leaf-runs.js';

function sketchOf(names: Iterable<number>): Buffer {
  const builder = new SketchBuilder();
  for (const name of names) builder.add({ index: 0, values: leafValue(name) });
  return builder.sketch();
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

t.test('a sketch has the smallest values, each once, in ascending order, without zeros', (t) => {
  const builder = new SketchBuilder();
  const all = numbers(0, 3000);
  for (const name of [...all, ...all])
    builder.add({ index: 0, values: Buffer.concat([leafValue(name), Buffer.alloc(VALUE)]) });
  const expected = all
    .map((name) => leafValue(name).toString('hex'))
    .sort()
    .slice(0, MAX_SKETCH);
  t.equal(builder.sketch().toString('hex'), expected.join(''));
  t.end();
});

t.test('of disks with few leaves the share is exact', (t) => {
  t.equal(shareInCommon(sketchOf(numbers(0, 100)), sketchOf(numbers(25, 500))), 0.75);
  t.equal(shareInCommon(sketchOf(numbers(0, 100)), sketchOf([])), 0);
  t.equal(shareInCommon(sketchOf([]), sketchOf(numbers(0, 100))), 0);
  t.end();
});

t.test('of disks with many leaves the share is near to the truth', (t) => {
  for (const [own, other, share] of [
    [numbers(0, 40_000), numbers(0, 40_000), 1],
    [numbers(0, 40_000), numbers(2_000, 42_000), 0.95],
    [numbers(0, 40_000), numbers(20_000, 60_000), 0.5],
    [numbers(0, 40_000), numbers(36_000, 50_000), 0.1],
    [numbers(0, 40_000), numbers(50_000, 90_000), 0],
  ] as const) {
    const found = shareInCommon(sketchOf(own), sketchOf(other));
    t.ok(Math.abs(found - share) < 0.06, `${found} for ${share}`);
  }
  t.end();
});
