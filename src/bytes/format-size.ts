const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Returns an amount of bytes for people, in IEC units: `512 B`, `1.5 GiB`. */
export function formatSize(bytes: number): string {
  const unit = unitOf(bytes);
  return `${inUnit(bytes, unit)} ${UNITS[unit] ?? ''}`;
}

/** Returns a part of an amount for people: `107.5 of 256.0 MiB`, or `10.5 MiB of 2.0 TiB` if the units differ. */
export function formatShare(done: number, total: number): string {
  const unit = unitOf(total);
  const part = done === 0 || unitOf(done) === unit ? inUnit(done, unit) : formatSize(done);
  return `${part} of ${formatSize(total)}`;
}

function unitOf(bytes: number): number {
  let unit = 0;
  for (let value = bytes; value >= 1024 && unit < UNITS.length - 1; value /= 1024) unit++;
  return unit;
}

function inUnit(bytes: number, unit: number): string {
  return unit === 0 || bytes === 0 ? String(bytes) : (bytes / 1024 ** unit).toFixed(1);
}
