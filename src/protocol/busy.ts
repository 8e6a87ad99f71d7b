import { VhdupError } from '../errors.js';
import { stateOf } from './push-record.js';
import type { Metadata } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import { holderInWords } from './holder.js';

/** The error for a blob that somebody else writes to; it names who its metadata says that is. */
export function busy({ uri }: PageBlob, problem: string, metadata: Metadata, cause?: unknown): VhdupError {
  const holder = holderInWords(stateOf(metadata)?.holder);
  return new VhdupError('destination-busy', `${uri}: ${problem}${holder === undefined ? '' : ` (held by ${holder})`}`, {
    cause,
    hint: 'wait for it to end, or break the lease if you know that nobody uses the blob',
  });
}
