import { hasStatus } from '../azure/service-error.js';
import { subtract, totalLength } from '../bytes/range.js';
import type { PreparedPush } from './context.js';

/**
 * Returns how many bytes of an interrupted push are left to write, at most: what turns out to be zero is not sent. Returns
 * `undefined` if nothing is to be resumed, or if the destination is being written to at the moment.
 */
export async function bytesLeft({ destination, plan, found }: PreparedPush): Promise<number | undefined> {
  if (found.kind !== 'resumable') return undefined;
  // Pages of the base may still be there, so no page shows what was written.
  if (found.record.state === 'clearing') return totalLength(plan.write);
  try {
    return totalLength(subtract(plan.write, await destination.contentOf(found.seen).pageRanges()));
  } catch (error) {
    if (hasStatus(error, 404, 412)) return undefined;
    throw error;
  }
}
