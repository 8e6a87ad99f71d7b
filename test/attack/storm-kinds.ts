import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/mutations.js';
import type { PullScene, Storm } from './storm.js';

/** What happens around a lock. */
export type StormKind =
  | 'five at once'
  | 'two namespaces'
  | 'killed in a namespace'
  | 'stopped'
  | 'stopped, another namespace'
  | 'planted'
  | 'pid of another';

/** A process-id namespace of its own: every process in it counts from 1. */
const NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
/** A pull makes so many requests; its lock comes after the first two. */
const REQUESTS = 15;
const BEFORE_LOCK = 2;
const READS = 13;
/** How long after its last request a pull finishes its file, about. */
const FINISH_MS = 80;
const FIVE = 5;
/** How long to wait for all five before they are let through together. */
const BARRIER_MS = 3000;
/** How long after its death, or the last sign of life, a holder may be in the way. */
const STALE_MS = 20_000;

/** Why namespaces cannot be tried here; `undefined` where they can. */
export function withoutNamespaces(): string | undefined {
  if (process.platform !== 'linux') return "process-id namespaces are Linux's";
  if (process.getuid?.() !== 0) return 'process-id namespaces need root';
  const [program = '', ...args] = NAMESPACE;
  return spawnSync(program, [...args, 'true']).status === 0 ? undefined : 'unshare does not work here';
}

/** When something happens to a pull: at a request, or so long after it, where it is the last one. */
interface Point {
  readonly nth: number;
  readonly afterMs: number;
}

function anyPoint(random: Random): Point {
  const nth = random.chance(6) ? 1 + random.below(BEFORE_LOCK) : BEFORE_LOCK + 1 + random.below(REQUESTS - BEFORE_LOCK);
  return random.chance(4) ? { nth: REQUESTS, afterMs: random.below(FINISH_MS) } : { nth, afterMs: 0 };
}

/** Lets it happen. Afterwards all processes have ended. */
export async function letHappen(kind: StormKind, scene: PullScene, storm: Storm, random: Random): Promise<void> {
  const { gate } = scene;
  const point = anyPoint(random);
  switch (kind) {
    case 'five at once': {
      if (random.chance(2)) await leaveRecord(scene, storm, point);
      await killAt(scene, storm, anyPoint(random), []);
      await fiveAtOnce(scene, storm, random);
      break;
    }
    case 'two namespaces': {
      const [first, second] = random.pick([
        [NAMESPACE, NAMESPACE],
        [NAMESPACE, NAMESPACE],
        [NAMESPACE, []],
        [[], NAMESPACE],
      ]);
      if (random.chance(3)) await killAt(scene, storm, point, random.pick([NAMESPACE, []]));
      await heldAt(
        scene,
        point,
        () => storm.start('first', { within: first ?? [] }),
        async () => {
          await storm.start('second', { within: second ?? [] }).ended;
        },
      );
      break;
    }
    case 'killed in a namespace': {
      if (random.chance(2)) await leaveRecord(scene, storm, point);
      await killAt(scene, storm, anyPoint(random), NAMESPACE);
      if (!(await storm.untilDone('in another namespace', STALE_MS, { within: random.pick([NAMESPACE, []]) })))
        storm.log.push('it was still refused after the time that is allowed');
      break;
    }
    case 'stopped':
    case 'stopped, another namespace': {
      const within = kind === 'stopped' ? [] : NAMESPACE;
      if (random.chance(3)) await leaveRecord(scene, storm, point);
      await stoppedAt(scene, storm, point, async () => {
        await storm.untilDone('while it is stopped', kind === 'stopped' ? 0 : STALE_MS, { within });
      });
      break;
    }
    case 'planted': {
      if (random.chance(2)) await killAt(scene, storm, point, []);
      await plant(`${storm.output}.vhdup-lock`, random, storm);
      break;
    }
    case 'pid of another': {
      if (random.chance(2)) await leaveRecord(scene, storm, point);
      const pid = await killAt(scene, storm, anyPoint(random), []);
      if (pid === undefined) break;
      const other = await processWithPid(pid);
      storm.log.push(
        isTaken(pid) ? 'its pid belongs to another process now' : 'its pid could not be given to another process',
      );
      try {
        if (!(await storm.untilDone('beside that process', STALE_MS)))
          storm.troubles.push(`refused for ${STALE_MS / 1000} s by a lock whose pid belongs to another process now`);
      } finally {
        other?.kill('SIGKILL');
      }
    }
  }
  gate.onRequest = () => undefined;
  gate.onAnswer = () => undefined;
  await gate.idle();
  gate.records = [];
}

/** At the point of the next pull, once. `happens` may hold back the request, or drop it, where it is not too late for that. */
function atPoint(gate: PullScene['gate'], { nth, afterMs }: Point, happens: () => 'drop' | Promise<void> | void): void {
  let count = 0;
  gate.onRequest = async () => {
    if (++count !== nth) return undefined;
    if (afterMs === 0) return (await happens()) ?? undefined;
    setTimeout(happens, afterMs);
    return undefined;
  };
}

/** A pull that is refused for good in the middle: it leaves its part file and a record of what is durable. */
async function leaveRecord({ gate }: PullScene, storm: Storm, { nth }: Point): Promise<void> {
  let count = 0;
  gate.onRequest = ({ kind }) =>
    kind === 'read' && ++count > Math.min(nth, READS - 2)
      ? { status: 403, headers: { 'x-ms-error-code': 'AuthenticationFailed' } }
      : undefined;
  await storm.start('an earlier one', { codes: [6] }).ended;
  gate.onRequest = () => undefined;
}

/** Kills a pull; returns its pid where it was killed. */
async function killAt(
  { gate }: PullScene,
  storm: Storm,
  point: Point,
  within: readonly string[],
): Promise<number | undefined> {
  const { child, ended } = storm.start('the one that is killed', { within });
  atPoint(gate, point, () => {
    child.kill('SIGKILL');
    return 'drop';
  });
  const { signal } = await ended;
  await gate.idle();
  gate.onRequest = () => undefined;
  return signal === 'SIGKILL' ? child.pid : undefined;
}

/**
 * Five pulls. In most storms their first requests, up to two each, are let through together, so that they come to the lock
 * at one time; then each request takes a little while, a different one each.
 */
async function fiveAtOnce({ gate }: PullScene, storm: Storm, random: Random): Promise<void> {
  const waves = Array.from({ length: random.pick([0, 1, 2, 2]) }, () => new Barrier(FIVE));
  const slow = random.pick([0, 15, 40]);
  let arrived = 0;
  gate.onRequest = async () => {
    const wave = waves[Math.floor(arrived++ / FIVE)];
    if (wave) await wave.pass();
    else await sleep(random.below(slow + 1));
    return undefined;
  };
  await Promise.all(Array.from({ length: FIVE }, (_, index) => storm.start(`pull ${index + 1}`).ended));
}

/** Lets `count` through together; after a while those that there are. */
class Barrier {
  readonly #count: number;
  readonly #opened: Promise<void>;
  #open: () => void = () => undefined;
  #arrived = 0;

  constructor(count: number) {
    this.#count = count;
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  async pass(): Promise<void> {
    if (++this.#arrived === this.#count) this.#open();
    const timer = setTimeout(this.#open, BARRIER_MS);
    await this.#opened;
    clearTimeout(timer);
  }
}

/** Holds back a request of a pull while `meanwhile` runs. */
async function heldAt(
  { gate }: PullScene,
  { nth }: Point,
  begin: () => ReturnType<Storm['start']>,
  meanwhile: () => Promise<void>,
): Promise<void> {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    atPoint(gate, { nth, afterMs: 0 }, () => {
      resolve();
      return released;
    });
  });
  const { ended } = begin();
  await Promise.race([reached, ended]);
  await meanwhile();
  release();
  await ended;
}

/** Stops a pull; `meanwhile` runs beside it; then it goes on to its end. */
async function stoppedAt(
  { gate }: PullScene,
  storm: Storm,
  point: Point,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const { child, ended } = storm.start('the one that is stopped');
  const reached = new Promise<void>((resolve) => {
    atPoint(gate, point, () => {
      child.kill('SIGSTOP');
      resolve();
    });
  });
  await Promise.race([reached, ended]);
  await meanwhile();
  child.kill('SIGCONT');
  await ended;
}

/** What a crash between making a lock and writing it may leave, and worse. */
async function plant(path: string, random: Random, storm: Storm): Promise<void> {
  const what = random.pick(['an empty file', 'an empty folder', 'zeros', 'other text'] as const);
  storm.log.push(`planted: ${what}`);
  if (what === 'an empty folder') await mkdir(path).catch(() => undefined);
  else
    await writeFile(path, what === 'an empty file' ? '' : what === 'zeros' ? Buffer.alloc(4096) : 'no lock').catch(
      () => undefined,
    );
  if (!(await storm.untilDone('beside it', STALE_MS)))
    storm.troubles.push(`${what} at the name of the lock is in the way for longer than ${STALE_MS / 1000} s`);
}

/** Makes a process with that pid, where the system gives out pids on request; `undefined` if it does not, or the pid is taken. */
async function processWithPid(pid: number): Promise<ChildProcess | undefined> {
  for (let tries = 0; tries < 50 && !isTaken(pid); tries++) {
    try {
      await writeFile('/proc/sys/kernel/ns_last_pid', String(pid - 1));
    } catch {
      return undefined;
    }
    const child = spawn('sleep', ['600'], { stdio: 'ignore' });
    if (child.pid === pid) return child;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  return undefined;
}

function isTaken(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
