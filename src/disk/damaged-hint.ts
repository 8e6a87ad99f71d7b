import { option } from '../option-names.js';

/** Returns what to do about a wrong checksum. A function, because the names of options are set after this file is loaded. */
export function damagedHint(): string {
  return `the file is damaged; ${option('ignoreChecksum')} reads it all the same`;
}
