import type { Hash } from 'node:crypto';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { Header } from './header.js';
import { DATA_SECTOR, DESCRIPTOR, LOG_ENTRY, LOG_SECTOR, MIB, SECTION, bytesOf, uint64 } from './layout.js';
import { visitEntry, type Descriptor, type EntryVisitor, type LogEntry } from './log-entry.js';
import { LogRing } from './log-ring.js';
import { findActiveSequence } from './log-sequence.js';
import { OverlayFile, type Patch } from './overlay.js';

/** What was found in the log of a file. */
export interface ReplayedLog {
  /** The file as it is after the log was replayed; without a log the file itself. */
  readonly file: SourceHandle;
  readonly state: 'none' | 'stale' | 'replayed';
  /** Entries that were replayed. */
  readonly entries: number;
}

/** Receives the findings and the digest of a log. */
export interface LogContext {
  readonly findings: Findings;
  readonly digest: Hash;
}

/** The replayed content is kept in memory, up to this many bytes. */
const MAX_OVERLAY_BYTES = 64 * MIB;
/** Bytes that a patch takes besides its content. */
const PATCH_BYTES = 64;
/** The largest file whose structures are read: 512 TiB. */
export const MAX_FILE_BYTES = 2 ** 49;

/**
 * Replays the log of a file in memory ([MS-VHDX] 2.3.3); the file stays as it is. A replay is a warning, and so is a log without
 * entries. Returns `undefined`, and reports an error, if the log is damaged or the file was cut short. Throws `disk-unreadable`.
 */
export async function replayLog(
  file: SourceHandle,
  header: Header,
  { findings, digest }: LogContext,
): Promise<ReplayedLog | undefined> {
  const { logGuid, logOffset, logLength } = header;
  if (logGuid === undefined) return { file, state: 'none', entries: 0 };
  const ring = new LogRing(file, logOffset, logLength);
  const sequence = await findActiveSequence(ring, logGuid, digest);
  if (sequence.kind === 'damaged') {
    findings.error(logOffset, 'log', sequence.problem);
    return undefined;
  }
  if (sequence.kind === 'stale') {
    findings.warning(logOffset, 'log', 'the header names a log, and the log is empty: nothing is replayed', {
      code: 'log-stale',
    });
    return { file, state: 'stale', entries: 0 };
  }
  const { entries } = sequence;
  const size = sizeAfter(file, { ring, entries }, findings);
  if (size === undefined) return undefined;
  const collector = new PatchCollector(ring, size, findings);
  for (const entry of entries) await collector.add(entry);
  if (collector.isRefused) return undefined;
  findings.warning(
    logOffset,
    'log',
    `the disk was not closed cleanly: its log, ${entries.length} ${entries.length === 1 ? 'entry' : 'entries'}, was replayed in memory; the file stays as it is`,
    { code: 'log-replayed' },
  );
  return { file: new OverlayFile(file, size, collector.patches), state: 'replayed', entries: entries.length };
}

/** Returns the size of the file after the replay: entries may extend it with zeros. Returns `undefined`, and reports an error, if it is cut short. */
function sizeAfter(
  file: SourceHandle,
  { ring, entries }: { readonly ring: LogRing; readonly entries: readonly LogEntry[] },
  findings: Findings,
): number | undefined {
  const head = entries.at(-1);
  if (!head) throw new RangeError('an active sequence has an entry');
  const at = ring.fileOffset(head.position);
  if (head.flushedFileOffset > BigInt(file.size)) {
    findings.error(
      at + LOG_ENTRY.flushedFileOffset[0],
      'log entry flushed file offset',
      `the file had ${head.flushedFileOffset} bytes when its log was written, now it has ${file.size}: it was cut short`,
    );
    return undefined;
  }
  const last = entries.reduce((most, { lastFileOffset }) => (lastFileOffset > most ? lastFileOffset : most), 0n);
  if (last > BigInt(MAX_FILE_BYTES)) {
    findings.error(
      at + LOG_ENTRY.lastFileOffset[0],
      'log entry last file offset',
      `${last} is above the limit, 512 TiB`,
      {
        code: 'disk-unsupported',
      },
    );
    return undefined;
  }
  return Math.max(file.size, Number(last));
}

/** Collects what the entries of a log write. Reports the first descriptor that writes where none may. */
class PatchCollector implements EntryVisitor {
  readonly patches: Patch[] = [];
  readonly #ring: LogRing;
  readonly #size: number;
  readonly #findings: Findings;
  #entry: LogEntry | undefined;
  /** The data of the entry whose sectors are still to come. */
  #expected: Buffer[] = [];
  #bytes = 0;
  #isRefused = false;

  /** `size`: of the file after the replay. */
  constructor(ring: LogRing, size: number, findings: Findings) {
    this.#ring = ring;
    this.#size = size;
    this.#findings = findings;
  }

  get isRefused(): boolean {
    return this.#isRefused;
  }

  async add(entry: LogEntry): Promise<void> {
    if (this.#isRefused) return;
    this.#entry = entry;
    this.#expected = [];
    const isWhole = await visitEntry(this.#ring, entry, this);
    if (!isWhole) this.#refuse(0, 'log entry', 'it changed while it was read');
  }

  descriptor({ kind, bytes, at }: Descriptor): void {
    if (this.#isRefused) return;
    const offset = uint64(bytes, DESCRIPTOR.fileOffset);
    const length = kind === 'zero' ? uint64(bytes, DESCRIPTOR.zeroLength) : BigInt(LOG_SECTOR);
    const problem = this.#misplaced(offset, length);
    if (problem !== undefined) {
      this.#refuse(at + DESCRIPTOR.fileOffset[0], 'log descriptor file offset', problem);
      return;
    }
    this.#bytes += PATCH_BYTES + (kind === 'zero' ? 0 : LOG_SECTOR);
    if (this.#bytes > MAX_OVERLAY_BYTES) {
      this.#refuse(at, 'log', 'it has more than 64 MiB to replay, which is not supported', 'disk-unsupported');
      return;
    }
    if (kind === 'zero') {
      this.patches.push({ offset: Number(offset), length: Number(length) });
      return;
    }
    const data = Buffer.alloc(LOG_SECTOR);
    data.set(bytesOf(bytes, DESCRIPTOR.leadingBytes));
    data.set(bytesOf(bytes, DESCRIPTOR.trailingBytes), LOG_SECTOR - DESCRIPTOR.trailingBytes[1]);
    this.patches.push({ offset: Number(offset), length: LOG_SECTOR, data });
    this.#expected.push(data);
  }

  dataSector(sector: Buffer): void {
    this.#expected.shift()?.set(bytesOf(sector, DATA_SECTOR.data), DESCRIPTOR.leadingBytes[1]);
  }

  #misplaced(offset: bigint, length: bigint): string | undefined {
    const end = offset + length;
    const [firstTable] = SECTION.regionTables;
    const log = BigInt(this.#ring.fileOffset(0));
    if (offset % BigInt(LOG_SECTOR) !== 0n || length % BigInt(LOG_SECTOR) !== 0n)
      return `${length} bytes at ${offset} are not whole sectors of ${LOG_SECTOR} bytes`;
    if (offset < BigInt(firstTable)) return `${offset} is within the headers`;
    if (offset < log + BigInt(this.#ring.length) && end > log) return `${length} bytes at ${offset} are within the log`;
    if (end > BigInt(this.#size)) return `${length} bytes at ${offset} are past the end of the file at ${this.#size}`;
    return undefined;
  }

  /** `at`: from the start of the entry, in bytes. */
  #refuse(
    at: number,
    field: string,
    problem: string,
    code: 'disk-invalid' | 'disk-unsupported' = 'disk-invalid',
  ): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    const position = ((this.#entry?.position ?? 0) + at) % this.#ring.length;
    this.#findings.error(this.#ring.fileOffset(position), field, problem, { code });
  }
}
