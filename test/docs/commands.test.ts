import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { runCli } from '../support/cli.js';
import { codeLinesOf, documents, textOf } from './markdown.js';

/** Nothing listens there, and there is no credential for it: a command that is parsed ends with another error. */
const NOWHERE = 'http://127.0.0.1:9/myaccount';

/** Returns the commands in a document's code blocks, as words. */
function commandsIn(text: string): readonly (readonly string[])[] {
  return codeLinesOf(text, ['sh', 'powershell', 'console'])
    .map((line) => /^\s*(?:\$ )?vhdup (.*)$/.exec(line)?.[1])
    .filter((line) => line !== undefined)
    .map((line) => wordsOf(line.replace(/ [#>|].*$/, '')));
}

/** Splits a line as a shell does, except for backslashes, which are part of paths in PowerShell. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) => word.replace(/['"]/g, ''));
}

t.test('every command in the documents is one that the tool understands', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'vhdup-docs-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  let count = 0;
  for (const document of await documents()) {
    for (const words of commandsIn(await textOf(document))) {
      count++;
      const args = words.map((word, index) =>
        words[index - 1] === '--parent-dir'
          ? folder
          : word.replace('https://myaccount.blob.core.windows.net', NOWHERE).replace('$BUILD', '1'),
      );
      const json = words[0] === 'completion' ? [] : ['--json'];
      const { exitCode, stdout } = await runCli([...args, ...json], { VHDUP_STATE_DIR: folder, HOME: folder });
      t.ok(exitCode !== 1 && exitCode !== 2, `${document}: vhdup ${words.join(' ')}: ${exitCode} ${stdout}`);
    }
  }
  t.ok(count > 20, `${count} commands`);
});

/** Flags of other programs that the documents name. */
const FOREIGN = new Set(['--skip', '--hyper-v-generation', '--os-type']);

t.test('every flag that the documents name is one of the tool', async (t) => {
  const flags = new Set((await textOf('docs/CLI.md')).match(/--[a-z][a-z0-9-]*/g));
  t.ok(flags.has('--base') && flags.has('--no-md5'));
  const users = (await documents()).filter(
    (path) => /^(docs\/.*|README|SECURITY)\.md$/.test(path) && path !== 'docs/RELEASING.md',
  );
  for (const document of users) {
    const code = (await textOf(document)).match(/`[^`\n]+`/g) ?? [];
    const named = code.flatMap((text) => text.match(/(?<=^`|[ `])--[a-z][a-z0-9-]*/g) ?? []);
    for (const flag of new Set(named)) t.ok(flags.has(flag) || FOREIGN.has(flag), `${document}: ${flag}`);
  }
});
