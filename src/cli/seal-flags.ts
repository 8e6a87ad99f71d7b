import { VhdupError } from '../errors.js';
import type { SealMode } from '../protocol/seal.js';
import type { ArgumentsOf } from './definition/flag.js';
import type { PUSH } from './definition/push.js';

type SealFlags = Pick<ArgumentsOf<typeof PUSH>, 'seal' | 'sealUntil' | 'sealDays'>;

/** Returns the library's option for these flags; `undefined` without a seal. Throws `usage` if a value is wrong. */
export function sealOption({ seal: kind, sealUntil: day, sealDays }: SealFlags): SealMode | undefined {
  if (kind === 'immutable') return { kind, until: untilOf('seal-', day, sealDays) };
  if (day !== undefined || sealDays !== undefined)
    throw new VhdupError('usage', '--seal-until and --seal-days go with --seal=immutable');
  return kind === undefined ? undefined : { kind };
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Returns the end of a day in UTC, or the time in a number of days from now. `prefix`: that of the flags' names. Throws `usage` unless
 * exactly one of the two is given, is valid and lies in the future.
 */
export function untilOf(prefix: string, day: string | undefined, days: number | undefined): Date {
  if ((day === undefined) === (days === undefined))
    throw new VhdupError('usage', `an immutable seal needs its end: --${prefix}until 2027-01-31 or --${prefix}days 30`);
  if (days !== undefined) {
    if (!Number.isInteger(days) || days < 1 || days > 146_000)
      throw new VhdupError('usage', `--${prefix}days takes a whole number from 1 to 146000`);
    return new Date(Date.now() + days * DAY_MS);
  }
  const until = new Date(`${day ?? ''}T23:59:59Z`);
  if (
    !/^\d{4}-\d\d-\d\d$/.test(day ?? '') ||
    Number.isNaN(until.getTime()) ||
    !until.toISOString().startsWith(day ?? '')
  )
    throw new VhdupError('usage', `--${prefix}until takes a day such as 2027-01-31`);
  if (until.getTime() <= Date.now()) throw new VhdupError('usage', `--${prefix}until ${day ?? ''} is in the past`);
  return until;
}
