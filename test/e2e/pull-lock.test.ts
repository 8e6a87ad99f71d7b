import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { readPullRecord } from '../../src/pull/record.js';
import { startCli, type CliRun } from '../support/cli.js';
import { canUnshare } from '../support/lock-processes.js';
import { begin, elsewhere, holdRead, inodeOf, pullLocks } from '../support/pull-locks.js';
import { contentOfFile } from '../support/pull-scene.js';

/** Crashes that five pulls find; `VHDUP_LOCK_ROUNDS=200` is the long form. */
const ROUNDS = Math.ceil(Number(process.env['VHDUP_LOCK_ROUNDS'] ?? 10) / 4);
const BIN = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));

t.test(
  'five pulls at once after a kill -9: one pulls, the others end with exit code 5, and the file is whole',
  async (t) => {
    const pulls = await pullLocks(t);
    const { gate, uri, out, scene, remains } = pulls;
    const args = ['pull', uri('disk'), out, '--json'];
    for (let round = 0; round < ROUNDS; round++) {
      const { isHeld, goOn } = holdRead(pulls);
      const victim = startCli(args, gate.env);
      await isHeld;
      victim.child.kill('SIGKILL');
      await victim.ended;
      goOn();
      let ended = 0;
      let all = () => {};
      const areRefused = new Promise<void>((resolve) => {
        all = resolve;
      });
      gate.onRequest = async ({ kind }) => {
        // Who pulls waits here until the others have been refused: so they all meet.
        if (kind === 'page-ranges') await Promise.race([areRefused, sleep(30_000)]);
        return undefined;
      };
      const runs = await Promise.all(
        Array.from({ length: 5 }, () =>
          startCli(args, gate.env).ended.then((run) => {
            if (++ended === 4) all();
            return run;
          }),
        ),
      );
      t.strictSame(runs.map(({ exitCode }) => exitCode).sort(), [0, 5, 5, 5, 5], `round ${round}`);
      t.ok(
        runs
          .filter(({ exitCode }) => exitCode === 5)
          .every(({ stdout }) => /process \d+ on .+ is pulling to it/.test(stdout)),
      );
      t.ok((await contentOfFile(out)).equals(scene.content));
      t.strictSame(await remains(), []);
      await unlink(out);
      gate.onRequest = () => undefined;
    }
  },
);

t.test(
  'in containers on one folder: a pull that is killed is resumed by one, from a copy, after a note and ten seconds',
  async (t) => {
    if (!canUnshare()) return void t.comment('no process-id namespace may be made here (root can): left out');
    const pulls = await pullLocks(t);
    const { gate, uri, out, output, scene, remains } = pulls;
    await begin(pulls);
    const args = ['pull', uri('disk'), out, '--json'];
    // Each container has a state folder of its own.
    let containers = 0;
    const contained = (): { child: ChildProcess; ended: Promise<CliRun> } => {
      const child = spawn(
        'unshare',
        ['--pid', '--fork', '--mount-proc', '--kill-child', process.execPath, BIN, ...args],
        {
          env: {
            PATH: process.env['PATH'] ?? '',
            ...gate.env,
            VHDUP_STATE_DIR: join(pulls.folder, `container ${++containers}`),
          },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]).then(
        ([stdout, stderr, [exitCode, signal]]) => ({ stdout, stderr, exitCode, signal }) as CliRun,
      );
      return { child, ended };
    };
    const { isHeld, goOn } = holdRead(pulls);
    const victim = contained();
    await isHeld;
    const part = (await readPullRecord(output.recordPath))?.part ?? '';
    const before = await inodeOf(join(out, '..', part));
    victim.child.kill('SIGKILL');
    await victim.ended;
    goOn();
    const runs = await Promise.all([contained().ended, contained().ended, startCli(args, gate.env).ended]);
    const winners = runs.filter(({ exitCode }) => exitCode === 0);
    t.equal(winners.length, 1, JSON.stringify(runs));
    t.ok(runs.every(({ exitCode }) => exitCode === 0 || exitCode === 5));
    t.match(JSON.parse(winners[0]?.stdout ?? '{}'), { outcome: 'resumed', checked: 'md5' });
    t.match(winners[0]?.stderr, /waiting about 10 s to see if it still runs/);
    t.not(await inodeOf(out), before, 'not the file that the other one had open');
    t.ok((await contentOfFile(out)).equals(scene.content));
    t.strictSame(await remains(), []);
  },
);

for (const format of ['dynamic', 'raw'] as const) {
  t.test(
    `a pull that stood still, while another one published, ends with exit code 5 and touches nothing: ${format}`,
    async (t) => {
      const pulls = await pullLocks(t);
      const { gate, uri, out, output, scene, pulled, remains } = pulls;
      await begin(pulls, { format });
      const { isHeld, goOn } = holdRead(pulls);
      const stopped = startCli(['pull', uri('disk'), out, '--format', format, '--overwrite', '--json'], gate.env);
      await isHeld;
      stopped.child.kill('SIGSTOP');
      // As another machine sees it: the process is neither known to run nor to be gone.
      const [token = ''] = (await readdir(output.lockPath)).filter((name) => !name.endsWith('.held'));
      await writeFile(join(output.lockPath, token), JSON.stringify(elsewhere()));
      const notes: string[] = [];
      const began = performance.now();
      const result = await pulled('disk', out, {
        format,
        onEvent: (event) => {
          if (event.type === 'note') notes.push(event.message);
        },
      });
      t.ok(performance.now() - began > 9000, 'only after ten seconds without a heartbeat');
      t.match(notes, [/waiting about 10 s/, /may still run/]);
      t.equal(result.checked, 'md5');
      const published = await readFile(out);
      const identity = await output.identityOf(out);
      stopped.child.kill('SIGCONT');
      goOn();
      const run = await stopped.ended;
      t.equal(run.exitCode, 5, run.stdout + run.stderr);
      t.match(JSON.parse(run.stdout), { error: { code: 'destination-busy', message: /was stopped for so long/ } });
      t.equal(await output.identityOf(out), identity);
      t.ok((await readFile(out)).equals(published), 'byte for byte as it was published');
      t.ok((format === 'raw' ? await readFile(out) : await contentOfFile(out)).equals(scene.content));
      t.strictSame(await remains(), []);
    },
  );
}
