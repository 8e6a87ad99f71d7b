import { createRequire } from 'node:module';
import type { ContainerClient } from '@azure/storage-blob';
import type { Test } from 'tap';
import { endBreak, hideWrites } from '../support/blobs.js';
import { runCli, type CliRun } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';
import type { GateRecord } from '../support/gate.js';
import { killPush, type KillPoint } from '../support/killed-push.js';
import { stage, type Stage } from '../support/stage.js';
import type { Compare } from './expected.js';
import { BASE_ETAG, normalised, normalisedText, type Places } from './normalise.js';

/** A stage whose outputs are compared with expected files. The server passes for the service. */
export interface GoldenStage extends Stage {
  readonly places: Places;
  /** Runs the tool and compares its exit code, stdout and stderr with the expected file `name`. */
  golden(t: Test, name: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<CliRun>;
  /** Runs the tool several times side by side; each run changes nothing that another one sees. */
  goldens(t: Test, runs: Readonly<Record<string, readonly string[]>>): Promise<void>;
  /** Kills a push with SIGKILL at a request. */
  kills(args: readonly string[], point: KillPoint): Promise<void>;
}

export async function goldenStage(t: Test, compare: Compare): Promise<GoldenStage> {
  const set = await stage(t);
  set.gate.hidesEmulator = true;
  const places = { account: set.gate.url, folder: set.folder };
  return {
    ...set,
    places,
    golden: (t, name, args, env = set.env) => compareRun(t, compare, { name, args, env, places }),
    goldens: (t, runs) => compareRuns(t, compare, { runs, env: set.env, places }),
    kills: async (args, point) => {
      if (!(await killPush(set.gate, args, set.env, point)))
        throw new Error('the push ended before it could be killed');
    },
  };
}

/** Recognises a Put Page by its number, counted from 1. */
export function putNumber(number: number): (record: GateRecord) => boolean {
  let count = 0;
  let index: number | undefined;
  let last = 0;
  return (record) => {
    // A request is shown twice: when it comes, and when it is answered.
    if (record.kind === 'put-page' && record.index > last && ++count === number) index = record.index;
    last = Math.max(last, record.index);
    return record.index === index;
  };
}

/** Runs the tool without a server, and compares as `GoldenStage.golden` does. */
export async function localStage(t: Test, compare: Compare): Promise<Pick<GoldenStage, 'folder' | 'goldens'>> {
  const folder = await temporaryFolder(t);
  const env = { VHDUP_STATE_DIR: `${folder}/state`, VHDUP_CACHE_DIR: `${folder}/cache` };
  const places = { account: 'http://none.invalid', folder };
  return {
    folder,
    goldens: (t, runs) => compareRuns(t, compare, { runs, env, places }),
  };
}

/** So many processes run at a time. */
const SIDE_BY_SIDE = 3;

async function compareRuns(
  t: Test,
  compare: Compare,
  { runs, env, places }: Omit<Run, 'name' | 'args'> & { runs: Parameters<GoldenStage['goldens']>[1] },
): Promise<void> {
  const left = Object.entries(runs);
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift())
      await compareRun(t, compare, { name: next[0], args: next[1], env, places });
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
}

interface Run {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly places: Places;
}

async function compareRun(t: Test, compare: Compare, { name, args, env, places }: Run): Promise<CliRun> {
  const run = await runCli(args, env);
  const lines = (text: string) => normalisedText(text, places).split('\n');
  const isJson = args.includes('--json');
  if (isJson)
    t.equal(`${JSON.stringify(JSON.parse(run.stdout))}\n`, run.stdout, `${name}: one compact object on one line`);
  compare(t, name, {
    args: args.map((arg) => normalisedText(arg, places)),
    exitCode: run.exitCode,
    stdout: isJson ? normalised(JSON.parse(run.stdout), places) : lines(run.stdout),
    stderr: lines(run.stderr),
  });
  return run;
}

const etags = createRequire(import.meta.url)('azurite/dist/src/common/utils/utils.js') as { newEtag: () => string };

/** Has what `work` changes on an Azurite of this process end with the ETag that is the same in every run. */
export async function withBaseEtag(work: () => Promise<unknown>): Promise<void> {
  const original = etags.newEtag;
  etags.newEtag = () => `"${BASE_ETAG}"`;
  try {
    await work();
  } finally {
    etags.newEtag = original;
  }
}

/** Gives a finished blob the ETag that is the same in every run; the write does not show by its time. */
export async function pinBase(container: ContainerClient, name: string): Promise<void> {
  await endBreak(container, name);
  await withBaseEtag(() => hideWrites(container, name));
}
