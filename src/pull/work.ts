import type { PullFormat } from './options.js';
import type { PullParent } from './parent.js';
import type { PullJob } from './record.js';
import type { PullSource } from './source.js';

/** What a pull makes, and from what. */
export interface PullWork {
  readonly job: PullJob;
  readonly source: PullSource;
  readonly parent: PullParent | undefined;
  readonly format: PullFormat;
  /** Whether what an earlier run found to differ from Content-MD5 is taken now. */
  readonly acceptsDiffering: boolean;
}

/** Bytes of the blob that go into the image at their own place, from the start. */
export function imageSize({ source, format }: PullWork): number {
  return format === 'fixed' ? source.contentSize : source.diskSize;
}
