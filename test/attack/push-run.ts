import { openDisk, push, VhdupError } from '../../src/index.js';
import { exitCodeOf } from '../../src/cli/exit-code.js';
import { startCli } from '../support/cli.js';
import type { GateRecord, OwnAnswer } from '../support/gate.js';
import type { Interruption, RunWay } from './rounds.js';
import type { World } from './world.js';

/** How a push ended: its exit code, -1 after a kill; and its outcome or its error in words. */
export interface PushEnd {
  readonly code: number;
  readonly what: string;
}

/** A push, who interrupts it, and who looks on. */
export interface PushRun {
  readonly name: string;
  readonly path: string;
  readonly base: string | undefined;
  readonly state: string;
  readonly way: RunWay;
  readonly interruption: Interruption | undefined;
  /** Called with each request, before it is served and after; `nth` counts the requests of this run from 1. */
  readonly onMoment: (record: GateRecord, nth: number, side: 'before' | 'after') => Promise<void>;
  readonly breakLease: () => Promise<void>;
}

/** A push that is running. */
interface Running {
  readonly ended: Promise<PushEnd>;
  interrupt(): void;
  kill(): void;
}

const FORBIDDEN: OwnAnswer = { status: 403, headers: { 'x-ms-error-code': 'AuthenticationFailed' } };
/** How long a run may be without a lease before the time of one that is in its way has passed. */
const WAIT_MS = 1500;
const LOOK_MS = 250;

/** Runs a push to its end, through the gate of its world. */
export async function runPush(world: World, run: PushRun): Promise<PushEnd> {
  const { gate, azurite } = world;
  await gate.idle();
  gate.records = [];
  const numbers = new Map<number, number>();
  const control: { running?: Running } = {};
  let hasLease = false;
  let isRefused = false;
  gate.onRequest = async (record) => {
    const nth = numbers.size + 1;
    numbers.set(record.index, nth);
    await run.onMoment(record, nth, 'before');
    return run.interruption && interrupt(run, run.interruption, record, nth, control.running);
  };
  gate.onAnswer = async (record) => {
    const nth = numbers.get(record.index) ?? 0;
    await run.onMoment(record, nth, 'after');
    if (record.kind === 'lease') {
      hasLease ||= record.status < 300 && ['acquire', 'change'].includes(String(record.headers['x-ms-lease-action']));
      isRefused ||= record.status === 409;
    }
    const { kind, request, moment } = run.interruption ?? { kind: 'none', request: 0, moment: 'before' };
    if (kind !== 'kill' || request !== nth || moment === 'before') return undefined;
    control.running?.kill();
    return 'drop';
  };
  const started = performance.now();
  const clock = setInterval(() => {
    if (!hasLease && (isRefused || performance.now() - started > WAIT_MS)) azurite.expireLease('vhds', run.name);
  }, LOOK_MS);
  try {
    control.running = run.way.isProcess ? startProcess(world, run) : startCall(world, run);
    return await control.running.ended;
  } finally {
    clearInterval(clock);
    await gate.idle();
    gate.onRequest = () => undefined;
    gate.onAnswer = () => undefined;
  }
}

async function interrupt(
  run: PushRun,
  { kind, request, moment }: Interruption,
  record: GateRecord,
  nth: number,
  running: Running | undefined,
): Promise<OwnAnswer | 'drop' | undefined> {
  if (kind === 'forbidden' && nth >= request && record.kind !== 'lease') return FORBIDDEN;
  if (kind === 'forbidden-with-leases' && nth >= request) return FORBIDDEN;
  if (nth !== request) return undefined;
  if (kind === 'ctrl-c') running?.interrupt();
  if (kind === 'lease-broken') await run.breakLease();
  if (kind !== 'kill' || moment === 'after') return undefined;
  running?.kill();
  return moment === 'before' ? 'drop' : undefined;
}

function startCall(world: World, { path, name, base, state, way }: PushRun): Running {
  const controller = new AbortController();
  const work = async (): Promise<PushEnd> => {
    try {
      await using disk = await openDisk(path);
      const { outcome } = await push(disk, {
        to: world.uri(name),
        base,
        concurrency: way.concurrency,
        environment: world.gate.env,
        stateFolder: state,
        cacheFolder: `${state}-cache`,
        signal: controller.signal,
        retry: { attempts: 3, firstDelayMs: 1, maxDelayMs: 4, deadlineMs: 10_000 },
      });
      return { code: 0, what: outcome };
    } catch (error) {
      if (!(error instanceof VhdupError))
        return { code: 1, what: error instanceof Error ? String(error.stack) : String(error) };
      return { code: exitCodeOf(error.code, error.retryable), what: `${error.code}: ${error.message}` };
    }
  };
  return {
    ended: work(),
    interrupt: () => {
      controller.abort();
    },
    kill: () => {
      throw new Error('a call cannot be killed');
    },
  };
}

function startProcess(world: World, { path, name, base, state, way }: PushRun): Running {
  const args = [
    'push',
    path,
    '--to',
    world.uri(name),
    ...(base === undefined ? [] : ['--base', base]),
    '--concurrency',
    String(way.concurrency),
    '--json',
  ];
  const { child, ended } = startCli(args, {
    ...world.gate.env,
    VHDUP_STATE_DIR: state,
    VHDUP_CACHE_DIR: `${state}-cache`,
  });
  return {
    ended: ended.then(({ exitCode, signal, stdout, stderr }) => ({
      code: exitCode ?? -1,
      what: `a process: ${signal ?? /"(outcome|message)": *"[^"]*"/.exec(stdout)?.[0] ?? stderr.slice(-500)}`,
    })),
    interrupt: () => {
      child.kill('SIGINT');
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}
