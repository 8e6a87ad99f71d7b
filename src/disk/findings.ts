import { VhdupError } from '../errors.js';

/** Something wrong or odd about a file. An error makes the disk unusable, a warning does not. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** Where in the file the field is, in bytes; `undefined` where it is about the whole file. */
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
 * What the checks of one file found, in the order in which they found it. All checks report here and go on;
 * a reader refuses the file by its first error, `vhdup check` lists everything.
 */
export class Findings {
  readonly file: string;
  readonly problems: Problem[] = [];

  constructor(file: string) {
    this.file = file;
  }

  error(
    offset: number | undefined,
    field: string | undefined,
    problem: string,
    { code = 'disk-invalid', hint, cause }: Detail = {},
  ): void {
    this.problems.push({ severity: 'error', file: this.file, offset, field, problem, code, hint, cause });
  }

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

  /** Notes that the file could not be read; whatever else was thrown is thrown on. */
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

export function isError({ severity }: Problem): boolean {
  return severity === 'error';
}

/** The error for a file that cannot be used: which file, which field, where, what is wrong with it. */
export function errorOf({ code, file, field, offset, problem, hint, cause }: Problem): VhdupError {
  const where = field === undefined ? '' : offset === undefined ? `${field}: ` : `${field} at offset ${offset}: `;
  return new VhdupError(code, `${file}: ${where}${problem}`, { cause, ...(hint === undefined ? {} : { hint }) });
}
