import type { Check } from '../../manage/check.js';
import type { Diagnosis } from '../../manage/diagnose.js';
import { wrap } from '../help/wrap.js';

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

/** Returns a diagnosis for people: each check, and what to do below it, in lines of at most `width` characters. */
export function doctorLines({ ok, checks }: Diagnosis, width: number): string[] {
  const nameWidth = Math.max(...checks.map(({ name }) => name.length));
  return [
    ...checks.flatMap(({ name, state, message, hint }) => {
      const start = `${MARKS[state]} ${name.replaceAll('-', ' ').padEnd(nameWidth)}  `;
      return [message, ...(hint?.split('\n') ?? [])]
        .flatMap((text) => {
          const indent = /^ */.exec(text)?.[0] ?? '';
          return wrap(text.trim(), width - start.length - indent.length).map((line) => indent + line);
        })
        .map((line, index) => (index === 0 ? start : ' '.repeat(start.length)) + line);
    }),
    ok ? 'no check failed' : 'a check failed',
  ];
}
