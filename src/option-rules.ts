import { inspect } from 'node:util';
import { VhdupError } from './errors.js';
import { option } from './option-names.js';
import { redact } from './redact/redact.js';

/** What the value of an option has to be. An absent value always fits: it means the default. */
export interface OptionRule {
  /** Completes "takes …". */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
}

/** A rule for each option of `O`, those of `Except` left out: the compiler refuses an option without a rule. */
export type OptionRules<O, Except = never> = Readonly<Record<Exclude<keyof O, Except>, OptionRule>>;

/** Throws `usage` for the first option whose value does not fit its rule. */
export function checkOptions<Name extends string>(
  options: Readonly<Partial<Record<Name, unknown>>>,
  rules: Readonly<Record<Name, OptionRule>>,
): void {
  for (const name in rules) {
    const value = options[name];
    const { expected, accepts } = rules[name];
    if (value !== undefined && !accepts(value))
      throw new VhdupError('usage', `${option(name)} takes ${expected}, not ${redact(inspect(value, { depth: 0 }))}`);
  }
}

/** Returns the rule for a whole number within bounds. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): OptionRule {
  return {
    expected:
      most === Number.MAX_SAFE_INTEGER
        ? `a whole number of at least ${least}`
        : `a whole number from ${least} to ${most}`,
    accepts: (value) => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
  };
}

/** Returns the rule for one of these values. */
export function oneOf(...values: readonly (string | boolean)[]): OptionRule {
  return {
    expected: values.map((value) => inspect(value)).join(', '),
    accepts: (value) => values.some((one) => one === value),
  };
}

/** Returns the rule for what `accepts` recognises. */
export function rule(expected: string, accepts: (value: unknown) => boolean): OptionRule {
  return { expected, accepts };
}

/** True or false. */
export const FLAG = rule('true or false', (value) => typeof value === 'boolean');

/** A text that is not empty, such as a path or a URI. */
export const TEXT = rule('a text that is not empty', isText);

/** A function. */
export const CALLBACK = rule('a function', (value) => typeof value === 'function');

/** An object. */
export const OBJECT = rule('an object', (value) => typeof value === 'object' && value !== null);

/** A list of texts that are not empty. */
export const TEXTS = rule('a list of texts', (value) => Array.isArray(value) && value.every(isText));

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
