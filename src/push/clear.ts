import type { DestinationSnapshot, DestinationWriter } from '../destination/destination.js';
import { totalLength } from '../bytes/range.js';
import { PAGE } from '../bytes/sector.js';
import { forEachLimited } from '../run/concurrency.js';
import type { PreparedPush } from './context.js';

/**
 * Makes a copy of the base ready for the writes: afterwards nothing of the base stands in ranges that this push writes, and
 * there is no footer, so the blob is no disk. Only then the state is `writing`. Each step may be repeated after a crash.
 */
export async function clearDestination(
  { session, plan, identity }: PreparedPush,
  writer: DestinationWriter,
  seen: DestinationSnapshot,
): Promise<void> {
  await writer.clear({ offset: seen.size - PAGE, length: PAGE });
  if (seen.size !== plan.size) await writer.resize(plan.size);
  await writer.clear(plan.footer);
  const total = totalLength(plan.clear);
  let done = 0;
  session.progress('clear', done, total);
  await forEachLimited(
    plan.clear,
    session.scheduler.newLimit(),
    async (range) => {
      await writer.clear(range);
      done += range.length;
      session.progress('clear', done, total);
    },
    session.fail,
  );
  await writer.saveRecord(seen, { ...identity, state: 'writing' });
}
