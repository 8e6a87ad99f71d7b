import { VhdupError } from '../errors.js';

/** Something wrong or unusual about a file. An error makes the disk unusable, a warning does not. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** Offset of the field in the file, in bytes; `undefined` if the problem is about the whole file. */
  readonly offset: number | undefined;
  readonly field: string | undefined;
  readonly problem: string;
  readonly code: 'disk-unreadable' | 'disk-invalid' | 'disk-unsupported' | 'chain-broken';
  /** What to do next. */
  readonly hint: string | undefined;
  readonly cause: unknown;
}

type Detail = Partial<Pick<Problem, 'code' | 'hint' | 'cause'>>;

/**
 * The findings of all checks of one file, in their order. All checks report here and go on; a reader refuses the file because
 * of the first error, `vhdup check` lists everything.
 */
export class Findings {
  readonly file: string;
  readonly problems: Problem[] = [];

  constructor(file: string) {
    this.file = file;
  }

  /** Reports an error. `offset`: of the field in the file, in bytes; `undefined` if the problem is about the whole file. */
  error(
    offset: number | undefined,
    field: string | undefined,
    problem: string,
    { code = 'disk-invalid', hint, cause }: Detail = {},
  ): void {
    this.problems.push({ severity: 'error', file: this.file, offset, field, problem, code, hint, cause });
  }

  /** Reports a warning; its arguments are those of `error`. */
  warning(offset: number | undefined, field: string | undefined, problem: string): void {
    this.problems.push({
      severity: 'warning',
      file: this.file,
      offset,
      field,
      problem,
      code: 'disk-invalid',
      hint: undefined,
      cause: undefined,
    });
  }

  /** Sets the hint of all errors that have none. */
  hint(hint: string): void {
    for (const [index, problem] of this.problems.entries())
      if (isError(problem) && problem.hint === undefined) this.problems[index] = { ...problem, hint };
  }

  /** Reports that the file could not be read. Throws what was thrown again if it is not a `VhdupError`. */
  unreadable(thrown: unknown): void {
    if (!(thrown instanceof VhdupError)) throw thrown;
    const named = `${this.file}: `;
    const problem = thrown.message.startsWith(named) ? thrown.message.slice(named.length) : thrown.message;
    this.error(undefined, undefined, problem, { code: 'disk-unreadable', cause: thrown.cause });
  }

  get firstError(): Problem | undefined {
    return this.problems.find(isError);
  }

  get warnings(): readonly Problem[] {
    return this.problems.filter((problem) => !isError(problem));
  }

  /** Throws the first error, if there is one. */
  refuse(): void {
    if (this.firstError) throw errorOf(this.firstError);
  }
}

/** Returns true for an error, false for a warning. */
export function isError({ severity }: Problem): boolean {
  return severity === 'error';
}

/** Returns the error for a file that cannot be used: it names the file, the field, its offset, and what is wrong with it. */
export function errorOf({ code, file, field, offset, problem, hint, cause }: Problem): VhdupError {
  const where = field === undefined ? '' : offset === undefined ? `${field}: ` : `${field} at offset ${offset}: `;
  return new VhdupError(code, `${file}: ${where}${problem}`, { cause, ...(hint === undefined ? {} : { hint }) });
}
