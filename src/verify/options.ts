import type { SessionOptions } from '../session/options.js';

/** How to compare a disk with a blob. */
export interface VerifyOptions extends SessionOptions {
  /** `false`: fetch no content; compare size, footer, Content-MD5 and allocation only. */
  readonly deep?: boolean | undefined;
}
