import { VhdupError } from '../errors.js';
import type { Capabilities } from '../destination/destination.js';
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
