import { FLAG, type OptionRules } from '../option-rules.js';
import type { SessionOptions } from '../session/options.js';

/** How to compare a disk with a blob. */
export interface VerifyOptions extends SessionOptions {
  /** `false`: fetch no content; compare size, footer, Content-MD5 and allocation only. */
  readonly deep?: boolean | undefined;
}

/** What the options of a comparison have to be, besides those of all commands. */
export const VERIFY_RULES: OptionRules<VerifyOptions, keyof SessionOptions> = { deep: FLAG };
