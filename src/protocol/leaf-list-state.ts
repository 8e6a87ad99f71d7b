import { hasCode } from '../errors.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { Session } from '../session/session.js';
import { LeafList, UnusableLeafList, leafListOf, leafListProblem } from './leaf-list.js';
import type { Verdict } from './verdict.js';

/** What is known of the list of leaves beside a blob. */
export interface LeafListState {
  /** URI of the list, without a SAS. */
  readonly uri: string;
  /** `fits`: it holds for the blob as it is; `other`: it does not, or is damaged; `unreadable`: the credential may not read it. */
  readonly state: 'fits' | 'other' | 'none' | 'unreadable';
  /** Bytes of the list. */
  readonly bytes?: number;
  /** Why it does not hold. */
  readonly problem?: string;
}

/** Looks at the list of leaves of a blob as it was seen. Only its header is read. */
export async function leafListState(
  session: Session,
  blob: PageBlob,
  properties: BlobProperties,
  verdict: Verdict,
): Promise<LeafListState> {
  const blockBlob = leafListOf(session, blob);
  const { uri } = blockBlob;
  try {
    const list = await LeafList.open(blockBlob);
    if (!list) return { uri, state: 'none' };
    const problem = leafListProblem(list, blob, properties, verdict);
    const bytes = list.storedBytes;
    return problem === undefined ? { uri, state: 'fits', bytes } : { uri, state: 'other', bytes, problem };
  } catch (error) {
    if (error instanceof UnusableLeafList) return { uri, state: 'other', problem: error.problem };
    if (hasCode(error, 'not-authorised')) return { uri, state: 'unreadable' };
    throw error;
  }
}
