import { VhdupError } from '../errors.js';
import type { Capabilities, Destination } from '../destination/destination.js';
import type { PushOptions } from './options.js';

/** Throws `usage` if the options ask for what the destination cannot do. */
export function requireCapabilities(can: Capabilities, uri: string, { base, seal }: PushOptions): void {
  const problem =
    base !== undefined && can.copy !== 'blob'
      ? 'nothing can be copied to it, so it takes no base'
      : seal && !can.seal
        ? 'it cannot be sealed'
        : undefined;
  if (problem !== undefined) throw new VhdupError('usage', `${uri}: ${problem}`);
}

/** The parts of a push that decide about Content-MD5. */
interface Md5Settings {
  readonly destination: Pick<Destination, 'can'>;
  readonly options: Pick<PushOptions, 'contentMd5'>;
}

/** Returns true if this push sets Content-MD5: the destination can keep one, and the options do not leave it out. */
export function setsContentMd5({ destination, options }: Md5Settings): boolean {
  return destination.can.contentMd5 && options.contentMd5 !== false;
}
