import { VhdupError } from '../errors.js';
import { describeHolder } from './holder.js';
import type { PushRecord } from './push-record.js';

/** Returns the error for a blob that another process writes to. It names the holder that the push record names. */
export function busy(
  { uri }: { readonly uri: string },
  problem: string,
  record: PushRecord | undefined,
  cause?: unknown,
): VhdupError {
  const holder = describeHolder(record?.holder);
  return new VhdupError('destination-busy', `${uri}: ${problem}${holder === undefined ? '' : ` (held by ${holder})`}`, {
    cause,
    hint: 'wait for it to end, or break the lease if you know that nothing uses the blob',
  });
}
