import type { Findings } from '../findings.js';

/** At most this many problems of entries are reported one by one; the others are counted. */
const MAX_LISTED = 100;

/** Reports the problems of an image's tables; beyond the first hundred only their number. */
export class EntryProblems {
  readonly #findings: Findings;
  #count = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Reports a problem of an entry. `offset`: of the entry in the file, in bytes. */
  add(offset: number, field: string, problem: string): void {
    if (++this.#count <= MAX_LISTED) this.#findings.error(offset, field, problem);
  }

  /** Reports how many problems were not listed. */
  finish(): void {
    if (this.#count > MAX_LISTED)
      this.#findings.error(undefined, 'tables', `${this.#count - MAX_LISTED} more problems of entries are not listed`);
  }
}
