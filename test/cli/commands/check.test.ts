import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../../fixtures/vhd.js';
import { runCli } from '../../support/cli.js';
import { temporaryFolder } from '../../support/folder.js';
import { threeLevels } from '../../support/push-scene.js';

t.test('check tells people and programs, with exit code 0 without errors and 3 with', async (t) => {
  const { child, middle } = await threeLevels(await temporaryFolder(t));
  const sound = await runCli(['check', child]);
  t.match(sound, {
    exitCode: 0,
    stderr: '',
    stdout: /^.*child\.vhd {2}differencing.*\n.*mïddle\.vhd.*\n.*base disk\.vhd.*\n3 files checked: no errors\n$/,
  });

  const file = await readFile(middle);
  file.writeUInt32BE(1, 1536);
  file.writeUInt32BE(1, 1540);
  await writeFile(middle, file);
  const damaged = await runCli(['check', child]);
  t.match(damaged, {
    exitCode: 3,
    stderr: '',
    stdout:
      /error: .*mïddle\.vhd: BAT entry 0 at offset 1536: sector 0x1 points into[\s\S]*BAT entry 1 at offset 1540[\s\S]*3 files checked: \d errors, no warnings\n$/,
  });
  const json = await runCli(['check', child, '--json']);
  t.equal(json.exitCode, 3);
  t.match(JSON.parse(json.stdout), {
    vhdup: 2,
    exitCode: 3,
    files: [{ path: child }, { path: middle }, { type: 'dynamic' }],
    errors: [
      { severity: 'error', code: 'disk-invalid', file: middle, offset: 1536, field: 'BAT entry 0' },
      { offset: 1540 },
    ],
    warnings: [],
  });
});

t.test('the layers of a broken chain are lines of their own, as info prints them', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'child.vhd');
  const parent = { path: join(folder, 'gone.vhd'), id: '11111111-2222-3333-4444-555555555555' };
  await writeImage({ path, type: 'differencing', size: 1024 ** 2, parent, writes: [] });
  const { stdout } = await runCli(['check', path]);
  t.notMatch(stdout, /\\x0a/);
  t.match(stdout, /error: .*no parent.*was found\n {4}.*gone\.vhd/);
  t.match((await runCli(['info', path])).stderr, /no parent.*was found\n {2}.*gone\.vhd/);
});

t.test('check takes a file, and says of others what they are not', async (t) => {
  t.match(await runCli(['check', 'https://a.blob.core.windows.net/c/x.vhd']), {
    exitCode: 2,
    stdout: '',
    stderr: /local file/,
  });
  t.match(await runCli(['check', 'package.json']), {
    exitCode: 3,
    stderr: '',
    stdout: /not a VHD[\s\S]*1 file checked: 1 error, no warnings/,
  });
});
