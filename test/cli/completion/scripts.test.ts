import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import t from 'tap';
import { bashScript } from '../../../src/cli/completion/bash.js';
import { fishScript } from '../../../src/cli/completion/fish.js';
import { powershellScript } from '../../../src/cli/completion/powershell.js';
import { zshScript } from '../../../src/cli/completion/zsh.js';
import { COMMANDS } from '../../../src/cli/definition/commands.js';
import { shownName } from '../../../src/cli/definition/flag.js';
import { temporaryFolder } from '../../support/folder.js';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript, powershell: powershellScript };

t.test('bash completes commands, flags and values', (t) => {
  /** What bash makes of a line: an equals sign is a word of its own. */
  const lines: readonly (readonly [words: readonly string[], expected: readonly string[]])[] = [
    [
      ['vhdup', 'pu'],
      ['push', 'pull'],
    ],
    [['vhdup', '--v'], ['--version']],
    [
      ['vhdup', 'push', '--bas'],
      ['--base', '--base-disk', '--base-check'],
    ],
    [
      ['vhdup', 'push', 'disk.vhd', '--no-'],
      ['--no-md5', '--no-leaf-list', '--no-cache'],
    ],
    [
      ['vhdup', 'push', '--format', ''],
      ['vhd', 'vhdx', 'qcow2', 'raw'],
    ],
    [['vhdup', 'push', '--format', '=', 'r'], ['raw']],
    [
      ['vhdup', 'pull', '--format', '='],
      ['dynamic', 'fixed', 'raw'],
    ],
    [['vhdup', 'push', '--verify', '=', 'a'], ['all']],
    [['vhdup', 'push', '--verify', 'a'], []],
    [['vhdup', 'push', 'di'], []],
    [['vhdup', 'verify', '--nonsense'], []],
    [
      ['vhdup', 'completion', ''],
      ['bash', 'zsh', 'fish', 'powershell'],
    ],
    [['vhdup', 'help', 'ex'], ['exit-codes']],
  ];
  const calls = lines.map(
    ([words]) =>
      `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _vhdup; echo "\${COMPREPLY[*]}"`,
  );
  const { stdout, stderr, error } = spawnSync('bash', ['--norc'], {
    input: `${bashScript()}\n${calls.join('\n')}\n`,
    encoding: 'utf8',
  });
  if (error !== undefined) t.comment('bash is not installed');
  else {
    t.equal(stderr, '');
    t.strictSame(
      stdout.split('\n').slice(0, -1),
      lines.map(([, expected]) => expected.join(' ')),
    );
  }
  t.end();
});

t.test('the scripts have every flag, and the shells that are here can read them', async (t) => {
  const folder = await temporaryFolder(t);
  for (const [shell, script] of Object.entries(SCRIPTS)) {
    const text = script();
    for (const { flags } of COMMANDS)
      for (const [name, flag] of Object.entries(flags)) {
        const shown = shownName(name, flag);
        t.ok(text.includes(shell === 'fish' ? `-l ${shown.slice(2)} ` : shown), `${shell} ${shown}`);
      }
    if (shell === 'powershell') continue;
    const path = join(folder, shell);
    await writeFile(path, text);
    const { error, stderr } = spawnSync(shell, ['-n', path], { encoding: 'utf8' });
    if (error !== undefined) t.comment(`${shell} is not installed`);
    else t.equal(stderr, '', shell);
  }
});
