import t from 'tap';
import { startCli } from '../support/cli.js';
import { manageScene } from '../support/manage-scene.js';

t.test('a second Ctrl-C ends a push whose requests hang, and says how to go on all the same', async (t) => {
  const { scene, uri, env, gate } = await manageScene(t);
  const run = startCli(['push', scene.base, uri('disk')], env);
  let isOver = false;
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  gate.onRequest = async ({ kind }) => {
    if (kind !== 'put-page' || isOver) return undefined;
    run.child.kill('SIGINT');
    await held;
    return undefined;
  };
  let said = '';
  run.child.stderr?.on('data', (data) => {
    said += String(data);
    if (isOver || !said.includes('stopping')) return;
    isOver = true;
    run.child.kill('SIGINT');
  });
  const { exitCode, signal, stderr, stdout } = await run.ended;
  release();
  t.strictSame([exitCode, signal], [130, null]);
  t.match(stderr, /stopping: .*\n(.*\n)*stopped(: .* are up)?\. To go on, run the same command:\n {2}vhdup push /);
  t.equal(stdout, '');
});
