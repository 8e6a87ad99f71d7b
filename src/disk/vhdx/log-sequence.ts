import type { Hash } from 'node:crypto';
import { partitionPoint } from '../../bytes/partition-point.js';
import { LOG_SECTOR } from './layout.js';
import { isEntryStart, parseEntry, visitEntry, type LogEntry } from './log-entry.js';
import type { LogRing } from './log-ring.js';

/** The entries of a log that have to be replayed. */
export type ActiveSequence =
  /** The entries, in the order in which they are replayed. */
  | { readonly kind: 'active'; readonly entries: readonly LogEntry[] }
  /** No valid entry belongs to the log: nothing was written since it was emptied. */
  | { readonly kind: 'stale' }
  /** The log is damaged: which entries have to be replayed is not certain. */
  | { readonly kind: 'damaged'; readonly problem: string };

/**
 * Finds the active sequence of a log ([MS-VHDX] 2.3.2), and adds all of the log to a digest. A sequence is a run of valid entries that
 * follow each other, each with the next number; it is complete if the tail of its last entry is one of them. The complete one with
 * the largest numbers is active.
 */
export async function findActiveSequence(ring: LogRing, logGuid: string, digest: Hash): Promise<ActiveSequence> {
  const starts: number[] = [];
  const headers: LogEntry[] = [];
  await ring.forEachSector(0, ring.length, (sector, index) => {
    digest.update(sector);
    if (!isEntryStart(sector)) return;
    const position = index * LOG_SECTOR;
    starts.push(position);
    const entry = parseEntry(sector, position, { logGuid, logLength: ring.length });
    if (entry) headers.push(entry);
  });
  const valid = new Map<number, LogEntry>();
  for (const entry of headers)
    if (entry.length <= roomOf(entry.position, starts, ring.length) && (await visitEntry(ring, entry)))
      valid.set(entry.position, entry);
  return activeOf(valid, ring.length);
}

/**
 * Returns the bytes from an entry to the next sector that begins like one. No entry reaches farther, so that all entries together are
 * read once, whatever lengths they claim. `starts` ascend.
 */
function roomOf(position: number, starts: readonly number[], logLength: number): number {
  const next = partitionPoint(starts.length, (index) => (starts[index] ?? 0) <= position);
  return (starts[next] ?? (starts[0] ?? 0) + logLength) - position;
}

function activeOf(valid: ReadonlyMap<number, LogEntry>, logLength: number): ActiveSequence {
  if (valid.size === 0) return { kind: 'stale' };
  const after = ({ position, length, sequenceNumber }: LogEntry): LogEntry | undefined => {
    const next = valid.get((position + length) % logLength);
    return next?.sequenceNumber === sequenceNumber + 1n ? next : undefined;
  };
  const followers = new Set([...valid.values()].map(after));
  let best: LogEntry[] = [];
  let isDouble = false;
  for (const first of valid.values()) {
    if (followers.has(first)) continue;
    const run: LogEntry[] = [];
    for (let entry: LogEntry | undefined = first; entry; entry = after(entry)) run.push(entry);
    const tail = run.findIndex(({ position }) => position === run.at(-1)?.tail);
    if (tail < 0) continue;
    const [number, bestNumber] = [run.at(-1)?.sequenceNumber ?? 0n, best.at(-1)?.sequenceNumber ?? 0n];
    isDouble = number === bestNumber || (isDouble && number < bestNumber);
    if (number > bestNumber) best = run.slice(tail);
  }
  if (best.length === 0)
    return { kind: 'damaged', problem: 'it has valid entries, but no sequence of them that is complete' };
  if (isDouble)
    return { kind: 'damaged', problem: `two sequences of entries end with the number ${best.at(-1)?.sequenceNumber}` };
  return { kind: 'active', entries: best };
}
