/*
 * `npm run test:soak`: the random suites at length. Each runs its test file round after round, with another seed each, for
 * its share of VHDUP_SOAK_MINUTES (default 15): an equal part of what the suites before it have left. A round is only begun
 * if it is likely to end within the share, but the first, which every suite has: fewer minutes than the first rounds take
 * (about 8) are exceeded. VHDUP_SOAK_FULL=1 runs each once, with its full count, however long it takes. VHDUP_SEED sets the
 * first seed; VHDUP_SOAK_SUITES names some of the suites, with commas between them. Prints a line for each suite, all that a
 * failed round said and the command that repeats it, and at the end how many rounds passed and failed, and how many suites
 * are not there. Ends with 1 if a round failed.
 */
import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** A test file that takes a count and a seed from its environment. */
interface Suite {
  readonly name: string;
  readonly file: string;
  readonly count: string;
  readonly seed: string;
  /** Cases of a full run, and of a round; with `VHDUP_TIMES`, how many times the usual number of them. */
  readonly full: number;
  readonly round: number;
}

/** Those with the longest rounds come first: what they take too much, the others have less. */
const SUITES: readonly Suite[] = [
  {
    name: 'third parties',
    file: 'test/attack/third-parties.test.ts',
    count: 'VHDUP_THIRD_PARTIES',
    seed: 'VHDUP_SEED',
    full: 1000,
    round: 30,
  },
  {
    name: 'torn sources',
    file: 'test/attack/torn-source-at-random.test.ts',
    count: 'VHDUP_TORN_SOURCES',
    seed: 'VHDUP_SEED',
    full: 200,
    round: 10,
  },
  {
    name: 'gaps',
    file: 'test/attack/gaps-at-random.test.ts',
    count: 'VHDUP_GAPS',
    seed: 'VHDUP_SEED',
    full: 300,
    round: 20,
  },
  {
    name: 'lock storms',
    file: 'test/attack/lock-storms.test.ts',
    count: 'VHDUP_LOCK_STORMS',
    seed: 'VHDUP_SEED',
    full: 500,
    round: 20,
  },
  {
    name: 'kills',
    file: 'test/e2e/kill-at-random.test.ts',
    count: 'VHDUP_KILLS',
    seed: 'VHDUP_SEED',
    full: 200,
    round: 15,
  },
  {
    name: 'faults',
    file: 'test/trust/faults-random.test.ts',
    count: 'VHDUP_FAULT_ROUNDS',
    seed: 'VHDUP_SEED',
    full: 40,
    round: 4,
  },
  {
    name: 'budgets',
    file: 'test/attack/budgets.test.ts',
    count: 'VHDUP_BUDGETS',
    seed: 'VHDUP_SEED',
    full: 300,
    round: 20,
  },
  {
    name: 'secrets',
    file: 'test/redact/secrets-in-encodings.test.ts',
    count: 'VHDUP_SECRETS',
    seed: 'VHDUP_SECRETS_SEED',
    full: 300,
    round: 15,
  },
  {
    name: 'hostile images',
    file: 'test/disk/hostile.fuzz.test.ts',
    count: 'VHDUP_FUZZ_CASES',
    seed: 'VHDUP_FUZZ_SEED',
    full: 50_000,
    round: 5000,
  },
  {
    name: 'hostile VHDX images',
    file: 'test/disk/vhdx/hostile.fuzz.test.ts',
    count: 'VHDUP_FUZZ_CASES',
    seed: 'VHDUP_FUZZ_SEED',
    full: 20_000,
    round: 1000,
  },
  {
    name: 'hostile QCOW2 images',
    file: 'test/disk/qcow2/hostile.fuzz.test.ts',
    count: 'VHDUP_FUZZ_CASES',
    seed: 'VHDUP_FUZZ_SEED',
    full: 20_000,
    round: 1000,
  },
  {
    name: 'hostile compression',
    file: 'test/compression/hostile.fuzz.test.ts',
    count: 'VHDUP_COMPRESSION_CASES',
    seed: 'VHDUP_SEED',
    full: 50_000,
    round: 5000,
  },
  {
    name: 'the corpus, whole',
    file: 'test/disk/formats-corpus.test.ts',
    count: 'VHDUP_TIMES',
    seed: 'VHDUP_SEED',
    full: 2,
    round: 2,
  },
  {
    name: 'QCOW2 chains',
    file: 'test/disk/qcow2/chain.property.test.ts',
    count: 'VHDUP_TIMES',
    seed: 'VHDUP_SEED',
    full: 20,
    round: 1,
  },
  {
    name: 'pushes',
    file: 'test/push/push.property.test.ts',
    count: 'VHDUP_TIMES',
    seed: 'VHDUP_SEED',
    full: 20,
    round: 1,
  },
  {
    name: 'rebuilt images',
    file: 'test/push/leaves.property.test.ts',
    count: 'VHDUP_TIMES',
    seed: 'VHDUP_SEED',
    full: 20,
    round: 1,
  },
  {
    name: 'versions of a vault',
    file: 'test/vault/versions.test.ts',
    count: 'VHDUP_TIMES',
    seed: 'VHDUP_SEED',
    full: 20,
    round: 1,
  },
  {
    name: 'digests',
    file: 'test/content/disk-digests.test.ts',
    count: 'VHDUP_TIMES',
    seed: 'VHDUP_SEED',
    full: 20,
    round: 1,
  },
  {
    name: 'chains',
    file: 'test/disk/chain.property.test.ts',
    count: 'VHDUP_TIMES',
    seed: 'VHDUP_SEED',
    full: 50,
    round: 2,
  },
  {
    name: 'VHDX chains',
    file: 'test/disk/vhdx/chain.property.test.ts',
    count: 'VHDUP_TIMES',
    seed: 'VHDUP_SEED',
    full: 50,
    round: 1,
  },
  {
    name: 'large chains',
    file: 'test/disk/resolve.property.test.ts',
    count: 'VHDUP_TIMES',
    seed: 'VHDUP_SEED',
    full: 50,
    round: 2,
  },
  {
    name: 'ranges',
    file: 'test/bytes/range.property.test.ts',
    count: 'VHDUP_TIMES',
    seed: 'VHDUP_SEED',
    full: 200,
    round: 20,
  },
];

const IMPORTS = ['--import=./test/support/no-async-hooks.js', '--import=./test/support/tsx.js'];
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAX_SEED = 2 ** 31;
/** Between the seeds of two rounds. */
const SEED_STEP = 7919;
const ROUND_SECONDS = 900;
const FULL_SECONDS = 4 * 3600;

const isFull = process.env['VHDUP_SOAK_FULL'] === '1';
const minutes = Number(process.env['VHDUP_SOAK_MINUTES'] ?? 15);
const firstSeed = Number(process.env['VHDUP_SEED'] ?? Date.now() % MAX_SEED);
const named = process.env['VHDUP_SOAK_SUITES']?.split(',');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs a suite's file once; returns what it printed. */
async function runOnce(
  { file, count, seed }: Suite,
  cases: number,
  seedNow: number,
): Promise<{ passed: boolean; output: string }> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    TAP_TIMEOUT: String(isFull ? FULL_SECONDS : ROUND_SECONDS),
    [count]: String(cases),
    [seed]: String(seedNow),
  };
  // It would repeat one round only.
  delete env['VHDUP_ROUND'];
  const child = spawn(process.execPath, [...IMPORTS, file], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on('exit', resolve)),
  ]);
  return { passed: code === 0, output: stdout + stderr };
}

/** The command that repeats a round. */
function repetition({ file, count, seed }: Suite, cases: number, seedNow: number): string {
  return `${seed}=${seedNow} ${count}=${cases} node ${IMPORTS.join(' ')} ${file}`;
}

/** Runs a suite for its share of the time, or once; says how it went. */
async function runSuite(suite: Suite, shareMs: number): Promise<{ passed: number; failed: number }> {
  const begun = performance.now();
  const spent = (): number => performance.now() - begun;
  /** The longest round so far. */
  let longest = 0;
  const cases = isFull ? suite.full : suite.round;
  const seeds: number[] = [];
  let failed = 0;
  do {
    const seed = (firstSeed + seeds.length * SEED_STEP) % MAX_SEED;
    seeds.push(seed);
    const before = spent();
    const { passed, output } = await runOnce(suite, cases, seed);
    longest = Math.max(longest, spent() - before);
    if (!passed) {
      failed++;
      say(`${output}\n${suite.name}: a round failed; to repeat it:\n  ${repetition(suite, cases, seed)}`);
    } else if (isFull) {
      for (const comment of output.match(/^ +# .*$/gm) ?? []) say(comment);
    }
  } while (!isFull && spent() + longest < shareMs);
  say(
    `${suite.name}: ${seeds.length} rounds, ${seeds.length * cases} cases, seeds ${seeds.join(' ')}: ${failed} failed, in ${Math.round(spent() / 1000)} s, the longest ${Math.round(longest / 1000)} s`,
  );
  return { passed: seeds.length - failed, failed };
}

const suites = SUITES.filter(({ name }) => named === undefined || named.includes(name));
const sums = { passed: 0, failed: 0, skipped: 0 };
const deadline = performance.now() + minutes * 60_000;
for (const [index, suite] of suites.entries()) {
  if (
    !(await access(`${ROOT}/${suite.file}`).then(
      () => true,
      () => false,
    ))
  ) {
    sums.skipped++;
    say(`${suite.name}: skipped, there is no ${suite.file}`);
    continue;
  }
  const { passed, failed } = await runSuite(suite, (deadline - performance.now()) / (suites.length - index));
  sums.passed += passed;
  sums.failed += failed;
}
say(`${sums.passed} passed, ${sums.failed} failed, ${sums.skipped} skipped`);
process.exitCode = sums.failed > 0 || sums.passed === 0 ? 1 : 0;
