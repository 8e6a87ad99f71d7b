import { execFileSync } from 'node:child_process';
import t from 'tap';
import { hasSecret, shellCommand } from '../../src/cli/shell-command.js';

t.test(
  'a shell reads the command as the same arguments',
  { skip: process.platform === 'win32' ? 'no bash here' : false },
  (t) => {
    const args = [
      'push',
      'a b.vhd',
      "it's.vhd",
      '$HOME `id` "x" \\ !',
      '~/disk.vhd',
      '*',
      '',
      "line\nend's \\ \u001b[31m",
      '=x',
      '--to=https://a.blob.core.windows.net/c/d.vhd',
    ];
    const command = shellCommand(args);
    t.notMatch(command, /[\u0000-\u001f]/, 'nothing that a terminal acts on');
    const read = execFileSync('bash', ['-c', `vhdup() { printf '%s\\0' "$@"; }; ${command}`], { encoding: 'utf8' });
    t.strictSame(read.split('\0').slice(0, -1), args);
    t.equal(shellCommand(['push', 'disk.vhd', '--limit', '50MiB/s']), 'vhdup push disk.vhd --limit 50MiB/s');
    t.end();
  },
);

t.test('a secret is left out, and it is known that one was', (t) => {
  const sas = 'https://a.blob.core.windows.net/c/d.vhd?sv=2024-11-04&sig=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2Vj';
  t.notMatch(shellCommand(['push', 'd.vhd', '--to', sas]), /c2Vj/);
  t.match(shellCommand(['push', 'd.vhd', '--to', sas]), /REDACTED/);
  t.ok(hasSecret(['push', sas]));
  t.notOk(hasSecret(['push', 'd.vhd']));
  t.end();
});
