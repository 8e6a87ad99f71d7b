import t from 'tap';
import { LeafTable } from '../../src/content/leaf-table.js';
import { leafValue } from '../support/leaf-runs.js';

const COUNT = 70_000;

t.test('each leaf is found at its place, also when its value lies anywhere in a buffer', (t) => {
  const table = new LeafTable();
  const all = Buffer.concat([Buffer.alloc(3), ...Array.from({ length: COUNT }, (_, leaf) => leafValue(leaf))]);
  table.add({ index: 5, values: all.subarray(3) });
  let wrong = 0;
  for (let leaf = 0; leaf < COUNT; leaf++)
    if (table.find(all.subarray(3 + 32 * leaf, 35 + 32 * leaf)) !== 5 + leaf) wrong++;
  t.equal(wrong, 0);
  t.equal(table.find(new Uint8Array(leafValue('another'))), undefined);
  t.equal(table.isComplete, true);
  t.end();
});

t.test('of equal leaves the first is found, and zeros are not', (t) => {
  const table = new LeafTable();
  table.add({ index: 1, values: Buffer.concat([leafValue('a'), Buffer.alloc(32), leafValue('a'), leafValue('b')]) });
  t.equal(table.find(leafValue('a')), 1);
  t.equal(table.find(leafValue('b')), 4);
  t.equal(table.find(Buffer.alloc(32)), undefined);
  t.end();
});

t.test('leaves that come when it is full are not found, and it says so', (t) => {
  const table = new LeafTable(2);
  for (const [index, name] of ['a', 'b', 'c'].entries()) table.add({ index, values: leafValue(name) });
  t.equal(table.find(leafValue('b')), 1);
  t.equal(table.find(leafValue('c')), undefined);
  t.equal(table.isComplete, false);
  t.end();
});
