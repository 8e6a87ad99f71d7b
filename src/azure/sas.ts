import { VhdupError } from '../errors.js';

/** What a SAS says of itself. Nothing of this is secret. */
export interface SasFields {
  /** The letters of `sp`; `undefined` if a stored access policy has them. */
  readonly permissions: string | undefined;
  /** `sr`: `b` for a blob, `c` for a container; `undefined` for the SAS of an account. */
  readonly resource: string | undefined;
  /** `undefined` if it is valid from its making. */
  readonly starts: Date | undefined;
  /** `undefined` if only a stored access policy (`si`) says when it ends, or the time cannot be read. */
  readonly ends: Date | undefined;
}

/** Returns what a SAS says of itself. Specification: Create a service SAS. */
export function parseSas(sas: string): SasFields {
  const fields = new URLSearchParams(sas);
  return {
    permissions: fields.get('sp') ?? undefined,
    resource: fields.get('sr') ?? undefined,
    starts: timeOf(fields.get('st')),
    ends: timeOf(fields.get('se')),
  };
}

/** Returns a time in one of the forms that a SAS may have: a date, or with minutes, seconds or fractions, in UTC. */
function timeOf(text: string | null): Date | undefined {
  if (text === null || !/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,7})?)?Z)?$/.test(text)) return undefined;
  // Date knows milliseconds at most.
  const time = new Date(text.replace(/(\.\d{3})\d+Z$/, '$1Z'));
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/**
 * The service refuses signatures of clocks that differ by more. A SAS that ended, or begins, further away than this is refused before
 * any request. Nearer ones may only look so.
 */
export const MAX_CLOCK_DIFFERENCE_MS = 15 * 60_000;

/**
 * Throws `not-authorised` if a SAS has expired, or is not valid yet, by the clock of this machine and more than clocks differ. If it
 * is less, the service decides: its refusal gets the time as a hint.
 */
export function requireValidNow(sas: string, endpoint: string, now = new Date()): void {
  const { starts, ends } = parseSas(sas);
  const clock = `the clock of this machine says ${textOf(now)}`;
  if (ends && ends.getTime() < now.getTime() - MAX_CLOCK_DIFFERENCE_MS)
    throw new VhdupError('not-authorised', `${endpoint}: the SAS expired at ${textOf(ends)}`, {
      hint: `make a new SAS; ${clock}`,
    });
  if (starts && starts.getTime() > now.getTime() + MAX_CLOCK_DIFFERENCE_MS)
    throw new VhdupError('not-authorised', `${endpoint}: the SAS is not valid before ${textOf(starts)}`, {
      hint: `wait, or make a new SAS; ${clock}`,
    });
}

/** A SAS that ends within this time is always warned of. */
const SOON_MS = 10 * 60_000;
/** Bytes in a second that are assumed for the estimate: a modest connection. */
const ASSUMED_RATE = 8 * 1024 ** 2;

/**
 * Returns a warning if a SAS ends within ten minutes, or before `bytes` of content are likely to be moved; else `undefined`. The
 * estimate assumes 8 MiB/s, because nothing is measured yet.
 */
export function expiryWarning(sas: string, bytes: number, now = new Date()): string | undefined {
  const { ends } = parseSas(sas);
  if (!ends) return undefined;
  const left = ends.getTime() - now.getTime();
  const needed = (bytes / ASSUMED_RATE) * 1000;
  if (left > SOON_MS && left > needed) return undefined;
  if (left <= 0) return `the SAS expired at ${textOf(ends)}, by the clock of this machine`;
  const time = `the SAS expires at ${textOf(ends)}, in ${minutes(left)}`;
  return left > needed
    ? time
    : `${time}; ${Math.ceil(bytes / 1024 ** 2)} MiB take about ${minutes(needed)} at 8 MiB/s, so it may end too early`;
}

function minutes(milliseconds: number): string {
  const count = Math.max(1, Math.round(milliseconds / 60_000));
  return count < 120 ? `${count} min` : `${Math.round(count / 60)} h`;
}

function textOf(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}
