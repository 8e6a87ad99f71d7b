import { BadStructure } from './bad-structure.js';

/** A time in UTC. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** Reads the members of a JSON object, each checked. Throws `BadStructure`. */
export class JsonFields {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #name: string;

  constructor(value: Readonly<Record<string, unknown>>, name: string) {
    this.#value = value;
    this.#name = name;
  }

  bad(field: string, problem: string): BadStructure {
    return new BadStructure(`${this.#name}: ${field}`, 0, problem);
  }

  has(field: string): boolean {
    return this.#value[field] !== undefined;
  }

  text(field: string, pattern = /^/): string {
    const value = this.#value[field];
    if (typeof value !== 'string' || !pattern.test(value)) throw this.bad(field, 'is not a text of its form');
    return value;
  }

  /** A time in UTC, ISO 8601. */
  time(field: string): string {
    const value = this.text(field, TIME);
    if (Number.isNaN(Date.parse(value))) throw this.bad(field, 'is no time');
    return value;
  }

  /** A whole number that is not negative. */
  count(field: string): number {
    const value = this.#value[field];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw this.bad(field, 'is not a count');
    return value;
  }

  oneOf<T extends string>(field: string, values: readonly T[]): T {
    const found = values.find((value) => value === this.#value[field]);
    if (found === undefined) throw this.bad(field, `is not one of ${values.join(', ')}`);
    return found;
  }

  texts(field: string): readonly string[] {
    const value = this.#value[field];
    if (!Array.isArray(value)) throw this.bad(field, 'is not a list');
    return value.map((item: unknown) => {
      if (typeof item !== 'string') throw this.bad(field, 'is not a list of texts');
      return item;
    });
  }

  object(field: string): JsonFields {
    const value = this.#value[field];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.bad(field, 'is not an object');
    return new JsonFields(Object.fromEntries(Object.entries(value)), `${this.#name}: ${field}`);
  }

  /** Throws if the format is another one, or if something is needed that is not in `known`. */
  requireFormat(format: number, known: readonly string[] = []): void {
    if (this.count('format') !== format) throw this.bad('format', `${this.count('format')} is not known`);
    const unknown = this.texts('needs').filter((need) => !known.includes(need));
    if (unknown.length > 0) throw this.bad('needs', `${unknown.join(', ')} is not known`);
  }
}
