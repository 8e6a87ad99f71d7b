import { VhdupError } from '../errors.js';
import { checkOptions } from '../option-rules.js';
import { SESSION_RULES } from '../session/options.js';
import type { PaceFlags } from './definition/shared-flags.js';
import { rate } from './units.js';

/** Returns the library's options for concurrency and rate. Throws `usage` if a value is wrong. */
export function paceOptions({ concurrency, limit: text }: PaceFlags): {
  concurrency: number | undefined;
  limit: number | undefined;
} {
  checkOptions({ concurrency }, { concurrency: SESSION_RULES.concurrency });
  const limit = text === undefined ? undefined : rate(text);
  if (text !== undefined && limit === undefined)
    throw new VhdupError(
      'usage',
      `--limit takes an amount with a unit, such as 50M or 400kB/s, of at least 1 KiB/s; not "${text}"`,
    );
  return { concurrency, limit };
}
