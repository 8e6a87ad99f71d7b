import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

const SCRIPT = fileURLToPath(new URL('lock-process.js', import.meta.url));
const UNSHARE = ['--pid', '--fork', '--mount-proc', '--kill-child'];

export interface Answer {
  readonly token?: string;
  readonly holder?: number;
  readonly isHeld?: boolean;
  readonly code?: string;
  readonly taken?: number;
  readonly shared?: number;
  readonly error?: string;
}

/** Another process that takes locks. */
export class LockProcess {
  readonly child: ChildProcess;
  #last = 0;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Starts one; with `isApart` in a process-id namespace of its own, as in a container. It ends with the test. */
  static async start(t: Test, isApart = false): Promise<LockProcess> {
    const [program, ...args] = isApart ? ['unshare', ...UNSHARE, process.execPath, SCRIPT] : [process.execPath, SCRIPT];
    const child = spawn(program ?? '', args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { PATH: process.env['PATH'] ?? '' },
    });
    const started = new LockProcess(child);
    t.teardown(() => started.kill());
    await once(child, 'message');
    return started;
  }

  /** Has it do something; the answer. */
  ask(verb: 'take' | 'release' | 'check' | 'storm', options: object = {}): Promise<Answer> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const take = (answer: Answer & { id: number }) => {
        if (answer.id !== id) return;
        this.child.off('message', take);
        if (answer.error === undefined) resolve(answer);
        else reject(new Error(answer.error));
      };
      this.child.on('message', take);
      this.child.send({ id, verb, ...options });
    });
  }

  /** Kills it as a crash does. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

/** Whether processes can be put into a namespace of their own here: root can, on Linux. */
export function canUnshare(): boolean {
  return process.platform === 'linux' && spawnSync('unshare', [...UNSHARE, 'true']).status === 0;
}
