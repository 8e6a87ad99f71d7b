// Runs the test files that it is given in this process, one after the other, each as a test with the file's name.
import { register } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { current } from './current.js';

// tap would make a name of them, which is too long for the folders of tests.
const files = process.argv.splice(2);
const { default: t } = await import('tap');
register('./hooks.js', import.meta.url);
const timeout = Number(process.env['VHDUP_TEST_SECONDS'] ?? 600) * 1000;

for (const file of files) {
  let hasTests = false;
  await t.test(file, { timeout }, async (t) => {
    current.test = t;
    t.teardown(() => (hasTests = t.counts.total > 0));
    await import(pathToFileURL(resolve(file)).href);
  });
  if (!hasTests) t.fail(`${file} asserts nothing`);
}
