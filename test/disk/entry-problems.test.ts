import t from 'tap';
import { EntryProblems } from '../../src/disk/entry-problems.js';
import { Findings } from '../../src/disk/findings.js';

void t.test('the first 100 problems of a table are listed, and the others counted', (t) => {
  const findings = new Findings('disk');
  const problems = new EntryProblems(findings, 'BAT', 4096);
  for (let entry = 0; entry < 99; entry++) problems.add(entry * 4, `BAT entry ${entry}`, 'is wrong');
  t.equal(problems.left, 1);
  for (let entry = 99; entry < 103; entry++) problems.add(entry * 4, `BAT entry ${entry}`, 'is wrong');
  t.equal(problems.left, 0);
  problems.addUnlisted(2);
  problems.finish();
  t.equal(findings.problems.length, 101);
  t.match(findings.problems.at(99), { offset: 396, field: 'BAT entry 99' });
  t.match(findings.problems.at(-1), {
    severity: 'error',
    offset: 4096,
    field: 'BAT',
    message: '5 more problems of its entries are not listed',
  });
  t.end();
});

void t.test('nothing is added if all problems are listed', (t) => {
  const findings = new Findings('disk');
  const problems = new EntryProblems(findings, 'L2 tables');
  problems.add(0, 'L2 entry', 'is wrong');
  problems.finish();
  t.equal(findings.problems.length, 1);
  t.end();
});
