import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** What one run of a process cost. */
export interface Cost {
  /** Wall time in ms. */
  readonly wallMs: number;
  /** User and system time of the process and its threads, in ms. */
  readonly cpuMs: number;
  /** Its peak resident set in bytes. */
  readonly rss: number;
}

export interface Run extends Cost {
  readonly stdout: string;
  readonly stderr: string;
}

/** Bash waits for the process, so that its `times` are that process's; its clock leaves its own start-up out. */
const WRAPPER = `
begin=$EPOCHREALTIME
"$@" 3>&- &
echo $! >&3
wait $!
code=$?
end=$EPOCHREALTIME
{ echo $begin $end; times; } >&3
exit $code`;

const POLL_MS = 10;
const running = new Set<number>();
let isStopped = false;

/** Ends what is measured, and fails whatever is to be measured from now on. */
export function stopMeasuring(): void {
  isStopped = true;
  for (const pid of running) process.kill(pid, 'SIGKILL');
}

/**
 * Runs a process to its end and measures it. The peak resident set is polled, so the last 10 ms may be missing from it.
 * Throws where it ends with another exit code than 0.
 */
export async function measure(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  if (isStopped) throw new Error('stopped');
  const bash = spawn('bash', ['-c', WRAPPER, 'bash', command, ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', LC_ALL: 'C', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const [, out, problems, figures] = bash.stdio as [null, Readable, Readable, Readable, undefined];
  let rss = 0;
  let polling: NodeJS.Timeout | undefined;
  let told = '';
  figures.on('data', (chunk: Buffer) => {
    told += chunk.toString();
    const pid = Number.parseInt(told);
    running.add(pid);
    polling ??= setInterval(() => {
      void peak(pid).then((bytes) => {
        rss = Math.max(rss, bytes);
      });
    }, POLL_MS);
  });
  const exit = new Promise<number | null>((resolve, reject) => bash.on('error', reject).on('close', resolve));
  const [stdout, stderr, exitCode] = await Promise.all([text(out), text(problems), exit]);
  clearInterval(polling);
  running.delete(Number.parseInt(told));
  if (exitCode !== 0)
    throw new Error(
      `${command} ${args.join(' ').replaceAll(/\?[^ ]*/g, '?…')} ended with ${exitCode ?? 'a signal'}:\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`,
    );
  // A line with the process id, one with two times, one with bash's own CPU time, one with that of the process.
  const [, clock = '', , cpu = ''] = told.split('\n');
  const [begin = 0, end = 0] = clock.split(' ').map(Number);
  return {
    wallMs: (end - begin) * 1000,
    cpuMs: cpu.split(' ').reduce((sum, time) => sum + millisecondsOf(time), 0),
    rss,
    stdout,
    stderr,
  };
}

/** The high-water mark of a process's resident set; 0 when it is gone. */
async function peak(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

/** Of `1m2.345s`. */
function millisecondsOf(time: string): number {
  const [, minutes = 0, seconds = 0] = /(\d+)m([\d.]+)s/.exec(time) ?? [];
  return (Number(minutes) * 60 + Number(seconds)) * 1000;
}

/** The middle value, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = NaN, high = NaN] =
    sorted.length % 2 === 0 ? sorted.slice(middle - 1, middle + 1) : [sorted[middle], sorted[middle]];
  return (low + high) / 2;
}
