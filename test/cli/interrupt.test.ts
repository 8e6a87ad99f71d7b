import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { manageScene } from '../support/manage-scene.js';

const BIN = fileURLToPath(new URL('../../bin/vhdup.js', import.meta.url));

/** Loaded before the tool: once it has printed its result it lingers, as on a slow disk that is being closed. */
const LINGER = `data:text/javascript,${encodeURIComponent(`
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (...all) => { setTimeout(() => undefined, 1500); return write(...all); };
`)}`;

t.test('a signal that comes after the result was printed changes nothing: the exit code is 0', async (t) => {
  const { scene, uri, gate, options } = await manageScene(t);
  const signals: readonly (readonly NodeJS.Signals[])[] = [
    ['SIGINT'],
    ['SIGTERM'],
    ['SIGINT', 'SIGINT'],
    ['SIGINT', 'SIGTERM'],
  ];
  for (const [index, sent] of signals.entries()) {
    const child = spawn(
      process.execPath,
      ['--import', LINGER, BIN, 'push', scene.base, '--to', uri(`b${index}`), '--quiet'],
      {
        env: {
          PATH: process.env['PATH'] ?? '',
          ...gate.env,
          VHDUP_STATE_DIR: options.stateFolder,
          VHDUP_CACHE_DIR: `${options.stateFolder}-cache`,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let [stdout, stderr] = ['', ''];
    child.stderr.on('data', (data) => {
      stderr += String(data);
    });
    child.stdout.on('data', (data) => {
      stdout += String(data);
      for (const name of sent) child.kill(name);
    });
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.on('exit', (...end) => {
        resolve(end);
      }),
    );
    t.match(stdout, ': complete', stderr);
    t.strictSame([code, signal], [0, null], sent.join(' '));
    t.notMatch(stderr, /stopping/);
  }
});
