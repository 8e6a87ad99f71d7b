import { VhdupError } from '../errors.js';
import { parsePushRecord } from './push-record.js';
import type { PageBlob, Metadata } from '../azure/page-blob.js';
import { describeHolder } from './holder.js';

/** Returns the error for a blob that another process writes to. It names the holder that the metadata names. */
export function busy({ uri }: PageBlob, problem: string, metadata: Metadata, cause?: unknown): VhdupError {
  const holder = describeHolder(parsePushRecord(metadata)?.holder);
  return new VhdupError('destination-busy', `${uri}: ${problem}${holder === undefined ? '' : ` (held by ${holder})`}`, {
    cause,
    hint: 'wait for it to end, or break the lease if you know that nobody uses the blob',
  });
}
