import type { Findings } from './findings.js';

/** At most this many problems of entries are reported one by one; the others are counted. */
const MAX_LISTED = 100;

/** Reports the problems of a table's entries; beyond the first hundred only their number. */
export class EntryProblems {
  readonly #findings: Findings;
  readonly #table: string;
  readonly #tableOffset: number | undefined;
  #count = 0;

  /** `table`: its name, for messages. `tableOffset`: in the file, in bytes; `undefined` for several tables. */
  constructor(findings: Findings, table: string, tableOffset?: number) {
    this.#findings = findings;
    this.#table = table;
    this.#tableOffset = tableOffset;
  }

  /** The number of problems that can still be reported one by one. */
  get left(): number {
    return Math.max(0, MAX_LISTED - this.#count);
  }

  /** Reports a problem of an entry. `offset`: of the entry in the file, in bytes. */
  add(offset: number, field: string, problem: string): void {
    if (++this.#count <= MAX_LISTED) this.#findings.error(offset, field, problem);
  }

  /** Counts problems that are not reported one by one. */
  addUnlisted(count: number): void {
    this.#count += count;
  }

  /** Reports how many problems were not listed. */
  finish(): void {
    if (this.#count > MAX_LISTED)
      this.#findings.error(
        this.#tableOffset,
        this.#table,
        `${this.#count - MAX_LISTED} more problems of ${this.#tableOffset === undefined ? '' : 'its '}entries are not listed`,
      );
  }
}
