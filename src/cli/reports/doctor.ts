import type { Check } from '../../manage/check.js';
import type { Diagnosis } from '../../manage/diagnose.js';

const MARKS: Readonly<Record<Check['state'], string>> = {
  ok: 'ok      ',
  warning: 'warning ',
  failed: 'failed  ',
  skipped: 'skipped ',
};

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
      `${MARKS[state]} ${name.replaceAll('-', ' ').padEnd(width)}  ${message}`,
      ...(hint === undefined
        ? []
        : hint.split('\n').map((line) => `${' '.repeat(MARKS[state].length + width + 3)}${line}`)),
    ]),
    ok ? 'no check failed' : 'a check failed',
  ];
}
