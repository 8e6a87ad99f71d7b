import { VhdupError, type Warning } from '../errors.js';
import { withoutPath } from './without-path.js';

/** Something wrong or unusual about a file. An error makes the disk unusable, a warning does not. */
export type Problem = DiskError | DiskWarning;

/** What makes a disk unusable. */
export interface DiskError extends Finding {
  readonly severity: 'error';
  readonly code: 'disk-unreadable' | 'disk-invalid' | 'disk-unsupported' | 'chain-broken';
}

/** Something unusual that does not make a disk unusable. */
export interface DiskWarning extends Finding {
  readonly severity: 'warning';
}

interface Finding extends Warning {
  readonly file: string;
  /** Offset of the field in the file, in bytes; `undefined` if the problem is about the whole file. */
  readonly offset: number | undefined;
  readonly field: string | undefined;
  readonly cause?: unknown;
}

type Detail = Partial<Pick<DiskError, 'code' | 'hint' | 'cause'>>;

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
    message: string,
    { code = 'disk-invalid', ...detail }: Detail = {},
  ): void {
    this.problems.push({ severity: 'error', file: this.file, offset, field, message, code, ...detail });
  }

  /** Reports a warning; its other arguments are those of `error`. */
  warning(
    offset: number | undefined,
    field: string | undefined,
    message: string,
    { code }: Pick<DiskWarning, 'code'>,
  ): void {
    this.problems.push({ severity: 'warning', file: this.file, offset, field, message, code });
  }

  /** Sets the hint of all errors that have none. */
  hint(hint: string): void {
    for (const [index, problem] of this.problems.entries())
      if (isError(problem) && problem.hint === undefined) this.problems[index] = { ...problem, hint };
  }

  /** Reports that the file could not be read. Throws what was thrown again if it is not a `VhdupError`. */
  unreadable(thrown: unknown): void {
    if (!(thrown instanceof VhdupError)) throw thrown;
    this.error(undefined, undefined, withoutPath(thrown.message, this.file), {
      code: 'disk-unreadable',
      cause: thrown.cause,
    });
  }

  get firstError(): DiskError | undefined {
    return this.problems.find(isError);
  }

  /** The warnings, as a layer has them. */
  get warnings(): readonly Warning[] {
    return this.problems.filter((problem) => !isError(problem)).map(({ code, message }) => ({ code, message }));
  }

  /** Throws the first error, if there is one. */
  refuse(): void {
    if (this.firstError) throw errorOf(this.firstError);
  }
}

/** Returns true for an error, false for a warning. */
export function isError(problem: Problem): problem is DiskError {
  return problem.severity === 'error';
}

/** Returns the error for a file that cannot be used: it names the file, the field, its offset, and what is wrong with it. */
export function errorOf({ code, file, field, offset, message, hint, cause }: DiskError): VhdupError {
  const where = field === undefined ? '' : offset === undefined ? `${field}: ` : `${field} at offset ${offset}: `;
  return new VhdupError(code, `${file}: ${where}${message}`, { cause, ...(hint === undefined ? {} : { hint }) });
}
