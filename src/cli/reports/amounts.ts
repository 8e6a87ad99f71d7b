import type { Pace } from '../../session/session.js';
import { duration, size } from '../units.js';

/** Returns a part of an amount, both in the unit of the whole: `6.1 of 256 MiB (2 %)`. */
export function share(part: number, whole: number): string {
  const [number = '', unit = ''] = short(whole).split(' ');
  const scaled = whole === 0 ? 0 : (part / whole) * Number(number);
  const ofIt = part > 0 && scaled < 0.1 ? short(part) : String(Number(scaled.toFixed(1)));
  return `${ofIt} of ${number} ${unit} (${percent(part, whole)})`;
}

/** Returns an amount without a decimal that is zero: `256 MiB`. */
export function short(bytes: number): string {
  return size(bytes).replace('.0 ', ' ');
}

function percent(part: number, whole: number): string {
  const hundredths = whole === 0 ? 100 : Math.min(100, (part / whole) * 100);
  if (hundredths > 0 && hundredths < 1) return 'less than 1 %';
  // 100 % only if it is all of it.
  return `${Math.floor(hundredths)} %`;
}

/** Returns how long a command took, and how fast it was if it moved anything: `12 s`, `1.2 MiB/s`. */
export function paceWords({ durationMs, bytesPerSecond }: Pace): string[] {
  const seconds = durationMs / 1000;
  return [
    seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds),
    ...(bytesPerSecond > 0 ? [`${size(bytesPerSecond)}/s`] : []),
  ];
}

/** Returns an amount for people, with its exact number of bytes: `16.0 MiB (16777728 bytes)`. */
export function exactSize(bytes: number): string {
  return `${size(bytes)} (${bytes} bytes)`;
}
