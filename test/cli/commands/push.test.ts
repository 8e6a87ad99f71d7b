import t from 'tap';
import { runCli } from '../../support/cli.js';
import { manageScene } from '../../support/manage-scene.js';

t.test(
  '--no-md5 is refused beside --content-md5 always or auto, before any request; never says the same',
  async (t) => {
    const { scene, uri, env, gate } = await manageScene(t);
    for (const mode of ['always', 'auto']) {
      const run = await runCli(['push', scene.base, uri('disk'), '--no-md5', '--content-md5', mode], env);
      t.equal(run.exitCode, 2);
      t.match(run.stderr, `--content-md5 ${mode} and --no-md5 cannot be used together\n  leave out one of them`);
    }
    t.equal(gate.records.length, 0);
    for (const args of [['--no-md5'], ['--content-md5', 'never'], ['--no-md5', '--content-md5=never']]) {
      const { stdout, exitCode } = await runCli(['push', scene.base, uri('disk'), ...args, '-n', '--json'], env);
      t.equal(exitCode, 0);
      t.match(JSON.parse(stdout), { contentMd5Omitted: String }, args.join(' '));
    }
  },
);
