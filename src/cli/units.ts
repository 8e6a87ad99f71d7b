export { formatSize as size } from '../bytes/format-size.js';

/** A letter alone is binary, as in rclone. */
const BYTES_IN: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** Parses an amount such as `245K`, `245KiB` or `1.5 MiB`. Returns bytes; `undefined` if it is not an amount with a unit. */
export function amount(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text) ?? [];
  const bytes = Number(number) * (BYTES_IN[unit] ?? Number.NaN);
  return Number.isFinite(bytes) ? bytes : undefined;
}

/** Parses a rate such as `50M` or `50MiB/s`. Returns bytes a second; `undefined` if it is not an amount with a unit, or is less than 1 KiB. */
export function rate(text: string): number | undefined {
  const bytes = amount(text.replace(/\/s$/, ''));
  return bytes !== undefined && bytes >= 1024 ? bytes : undefined;
}

/** Returns a whole number for people: `1,234`. `toLocaleString` is not used: it loads all locales first. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Returns a count for people: `1 request`, `1,234 requests`. */
export function count(number: number, singular: string): string {
  return `${grouped(number)} ${singular}${number === 1 ? '' : 's'}`;
}

/** Returns a number of seconds as a time for people: `42 s`, `3:07 min`, `1:02:09 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (part: number) => String(part).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)} min`;
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)} h`;
}
