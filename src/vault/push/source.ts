import type { DatasetType } from '../../toc/record.js';

/** The next bytes of what is pushed. */
export interface SourceBlock {
  readonly start: number;
  readonly length: number;
  /** `undefined`: zeros. A block or piece otherwise, never all zeros; it stays as it is. */
  readonly bytes: Uint8Array | undefined;
}

/** What becomes a version: all of its bytes, in order, in blocks or pieces. */
export interface VersionSource {
  readonly type: DatasetType;
  /** `undefined` until a stream has ended. */
  readonly bytes: number | undefined;
  blocks(): AsyncIterable<SourceBlock>;
}
