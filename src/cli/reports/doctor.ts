import type { Diagnosis } from '../../manage/diagnose.js';

/** The width of the longest state, and two spaces. */
const STATE_WIDTH = 'skipped'.length + 2;

/** Returns a diagnosis for programs. */
export function doctorJson({ ok, checks }: Diagnosis): object {
  return {
    ok,
    checks: checks.map(({ name, state, message, hint, code }) => ({ name, state, message, hint, code })),
    warnings: [],
  };
}

/** Returns a diagnosis for people: a line for each check, and what to do below it. */
export function doctorLines({ ok, checks }: Diagnosis): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return [
    ...checks.flatMap(({ name, state, message, hint }) => [
      `${state.padEnd(STATE_WIDTH)}${name.replaceAll('-', ' ').padEnd(width)}  ${message}`,
      ...(hint === undefined ? [] : hint.split('\n').map((line) => `${' '.repeat(STATE_WIDTH + width + 2)}${line}`)),
    ]),
    ok ? 'no check failed' : 'a check failed',
  ];
}
