import { hasCode, VhdupError } from '../errors.js';
import type { BlobLocation } from '../azure/location.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import { FOOTER_LENGTH, parseFixedTail, type FixedTail } from '../protocol/fixed-vhd.js';
import { readFooter } from '../protocol/read-footer.js';
import { findProblem, judgeBlob, refusalOf, type Verdict } from '../protocol/verdict.js';
import type { Session } from '../session/session.js';
import { call, option } from '../option-names.js';

/** A finished blob with a fixed VHD, as it was seen: what every base is. */
export interface BaseBlob {
  readonly blob: PageBlob;
  readonly properties: BlobProperties;
  readonly verdict: Verdict;
  readonly tail: FixedTail;
}

const COMPLETE_ONLY = 'a base is a page blob with a fixed VHD, completely uploaded';

/**
 * Looks at a blob, and reads its footer. `isSealed`: accept only a blob that cannot be changed. Throws `base-mismatch` with what is
 * wrong if it cannot be a base of any disk.
 */
export async function openBaseBlob(session: Session, location: BlobLocation, isSealed: boolean): Promise<BaseBlob> {
  const blob = await session.blob(location);
  const properties = await blob.properties();
  if (!properties)
    throw mismatch(
      blob,
      'there is no such blob',
      `check its name, or push without ${option('base')} to send everything`,
    );
  const verdict = judgeBlob(properties);
  const problem = baseProblem(verdict, properties);
  if (problem !== undefined) throw mismatch(blob, problem, COMPLETE_ONLY);
  if (isSealed && properties.protection === undefined)
    throw mismatch(
      blob,
      'nothing keeps it from changing',
      `seal it with ${call('sealBlob')}, or name a snapshot or a version of it`,
    );
  const tail = parseFixedTail(await readFooter(blob, properties));
  if (typeof tail === 'string') throw mismatch(blob, refusalOf({ kind: 'not-a-vhd', reason: tail }), COMPLETE_ONLY);
  return { blob, properties, verdict, tail };
}

/** Returns what keeps a blob from being a base; `undefined` if nothing does. */
function baseProblem(verdict: Verdict, { size }: BlobProperties): string | undefined {
  const other = findProblem(verdict, 'not-a-page-blob');
  if (other) return refusalOf(other);
  if (size < 2 * FOOTER_LENGTH || size % FOOTER_LENGTH !== 0) return `its size of ${size} bytes is not that of a VHD`;
  const unfinished = findProblem(verdict, 'copy-pending', 'unfinished-push', 'unfinished-elsewhere');
  if (!unfinished) return undefined;
  return unfinished.kind === 'unfinished-push' ? 'it is an unfinished push' : refusalOf(unfinished);
}

/** Throws `base-mismatch` if the base is no longer what was checked. `when` says when, as in "it changed …". */
export async function requireUnchanged({ blob, properties }: BaseBlob, when: string, cause?: unknown): Promise<void> {
  const now = await blob.properties();
  if (now?.etag === properties.etag) return;
  throw new VhdupError('base-mismatch', `the base ${blob.uri}: it ${now ? 'changed' : 'was deleted'} ${when}`, {
    cause,
    hint: `run the command again to check it once more, with ${option('overwrite')} if the copy had begun already`,
  });
}

/** Returns true for the errors of a base that is not what it has to be. */
export function isMismatch(error: unknown): error is VhdupError {
  return hasCode(error, 'base-mismatch');
}

/** A blob is not what a base of this disk has to be. It may still be a base in another way. */
export class BaseMismatch extends VhdupError {
  /** What is wrong with it, to be put after its URI. */
  readonly problem: string;

  constructor({ uri }: PageBlob, problem: string, hint: string) {
    super('base-mismatch', `the base ${uri}: ${problem}`, { hint });
    this.problem = problem;
  }
}

/** Returns the error for a base that is not what it has to be. */
export function mismatch(blob: PageBlob, problem: string, hint: string): BaseMismatch {
  return new BaseMismatch(blob, problem, hint);
}
