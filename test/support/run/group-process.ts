import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** How the tests of a file went; `problem` if they failed. */
export interface FileResult {
  readonly file: string;
  readonly ms: number;
  readonly problem?: string;
  /** What it printed, in TAP. */
  readonly said: readonly string[];
}

const NODE_ARGS = ['no-async-hooks.js', 'tsx.js'].map(
  (name) => `--import=${new URL(`../${name}`, import.meta.url).href}`,
);
const GROUP = fileURLToPath(new URL('group.ts', import.meta.url));
/** tap ends a file that takes longer than ten minutes and says why; a process whose thread is held up cannot. */
const SILENCE_MS = Number(process.env['VHDUP_TEST_SECONDS'] ?? 600) * 1000 + 10_000;

const running = new Set<ChildProcess>();

/** Ends a process and all that it started. */
function kill({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // They ended meanwhile.
  }
}

export function killAll(): void {
  for (const child of running) kill(child);
}

/** Reads `# { total: 3, pass: 2, fail: 1 }`, which tap prints at the end. */
function countsOf(line: string): Record<string, number> {
  return Object.fromEntries([...line.matchAll(/(\w+): (\d+)/g)].map(([, kind = '', count]) => [kind, Number(count)]));
}

/** Runs some test files in one process and reports each; returns the counts of assertions. */
export async function runGroup(
  cwd: string,
  files: readonly string[],
  report: (result: FileResult) => void,
): Promise<Record<string, number>> {
  const child = spawn(process.execPath, [...NODE_ARGS, GROUP, ...files], {
    cwd,
    env: { ...process.env, TAP_TIMEOUT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of processes, which is ended as one.
    detached: true,
  });
  running.add(child);
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  // What it left behind would hold its output open.
  child.once('exit', () => {
    kill(child);
  });
  const stderr = text(child.stderr);
  let isSilent = false;
  const silence = setTimeout(() => {
    isSilent = true;
    kill(child);
  }, SILENCE_MS);

  const left = new Set(files);
  let counts: Record<string, number> = {};
  let said: string[] = [];
  let begun = performance.now();
  let failures = 0;
  const tell = (file: string, problem?: string): void => {
    if (problem !== undefined) failures++;
    report({ file, ms: performance.now() - begun, said, ...(problem !== undefined && { problem }) });
    begun = performance.now();
    said = [];
  };
  for await (const line of createInterface({ input: child.stdout })) {
    silence.refresh();
    const [, not, name = ''] = /^(not )?ok (?:\d+ )?- (.*?)(?: # .*)?$/.exec(line) ?? [];
    if (line.startsWith('# { total: ')) counts = countsOf(line);
    if (left.delete(name)) tell(name, not && 'its tests failed');
    else if (not) tell(name, 'outside of the tests of a file');
    else said.push(line);
  }
  const [code, signal] = await exit;
  clearTimeout(silence);
  running.delete(child);

  const how = isSilent ? 'said nothing for too long' : `ended with ${code ?? signal}`;
  process.stderr.write(await stderr);
  const [first, ...rest] = left;
  if (first !== undefined) tell(first, `its process ${how}`);
  else if (isSilent || (code !== 0 && failures === 0))
    tell(files.join(' '), `their process ${how} after the last test`);
  for (const file of rest) tell(file, 'not run, as its process had ended');
  return { ...counts, fail: Math.max(counts['fail'] ?? 0, failures) };
}
