import type { Session } from '../session/session.js';
import type { PullFormat, PullOptions } from './options.js';
import type { PullOutput } from './output.js';
import type { PullParent } from './parent.js';
import type { PullKey } from './record.js';
import type { PullSource } from './source.js';

/** One pull: what it makes, from what, and how. */
export interface PullTask {
  readonly session: Session;
  readonly options: PullOptions;
  readonly key: PullKey;
  readonly source: PullSource;
  /** The local ancestor of a differencing disk. */
  readonly parent: PullParent | undefined;
  readonly output: PullOutput;
  readonly format: PullFormat;
  /** True if the content is not compared with the blob's digests: then a file that an earlier run found to differ is accepted. */
  readonly acceptsDiffering: boolean;
}

/** Returns how many bytes from the start of the blob go into the image at the same offset. */
export function imageSize({ source, format }: Pick<PullTask, 'source' | 'format'>): number {
  return format === 'fixed' ? source.contentSize : source.diskSize;
}
