// A process that takes and releases locks as its parent says: started by `lock-processes.ts`, from the build.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Lock } from '../../dist/state/lock.js';

let lock;

/** While the lock is held a file says so; true if another living process says it too. */
function isShared(marker) {
  try {
    writeFileSync(marker, String(process.pid), { flag: 'wx' });
    return false;
  } catch {
    const pid = Number(readFileSync(marker, 'utf8'));
    writeFileSync(marker, String(process.pid));
    try {
      process.kill(pid, 0);
      return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.[0] !== 'Z';
    } catch {
      return false;
    }
  }
}

const verbs = {
  async take({ path, silenceMs }) {
    const result = await Lock.acquire(path, { silenceMs });
    if (!(result instanceof Lock)) return { holder: result.holder?.pid };
    lock = result;
    return { token: lock.token };
  },
  async release() {
    await lock[Symbol.asyncDispose]();
    return {};
  },
  async check() {
    return lock.check().then(
      () => ({ isHeld: true }),
      ({ code }) => ({ isHeld: false, code }),
    );
  },
  /** Takes and releases it again and again, for so long. */
  async storm({ path, silenceMs, marker, forMs }) {
    let taken = 0;
    let shared = 0;
    for (const until = performance.now() + forMs; performance.now() < until;) {
      const result = await Lock.acquire(path, { silenceMs });
      if (result instanceof Lock) {
        taken++;
        if (isShared(marker)) shared++;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
        rmSync(marker, { force: true });
        await result[Symbol.asyncDispose]();
      } else {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      }
    }
    return { taken, shared };
  },
};

process.on('message', ({ id, verb, ...options }) => {
  verbs[verb](options).then(
    (answer) => process.send({ id, ...answer }),
    (error) => process.send({ id, error: String(error) }),
  );
});
process.on('disconnect', () => {
  process.exit();
});
process.send({ id: 0 });
