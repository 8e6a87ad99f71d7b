import {
  DATA_SECTOR,
  DESCRIPTOR,
  DESCRIPTOR_LENGTH,
  LOG_ENTRY,
  LOG_ENTRY_HEADER_LENGTH,
  LOG_SECTOR,
  addToChecksum,
  guid,
  text,
  uint32,
  uint64,
} from './layout.js';
import type { LogRing } from './log-ring.js';

/** The header of a log entry ([MS-VHDX] 2.3.1.1). */
export interface LogEntry {
  /** Offset in the log, in bytes. */
  readonly position: number;
  /** Bytes, with descriptors and data. */
  readonly length: number;
  readonly checksum: number;
  /** Offset in the log of the oldest entry that has to be replayed with this one. */
  readonly tail: number;
  readonly sequenceNumber: bigint;
  readonly descriptorCount: number;
  /** Bytes that the file had for certain when the entry was written. */
  readonly flushedFileOffset: bigint;
  /** Bytes of the file that hold everything that is in use. */
  readonly lastFileOffset: bigint;
}

/** One descriptor, with the place of its entry in the log. */
export interface Descriptor {
  /** `desc` (data) or `zero`. */
  readonly kind: string;
  readonly bytes: Buffer;
  /** Offset of the descriptor from the start of its entry. */
  readonly at: number;
}

/** Receives the parts of an entry; their memory is used again. */
export interface EntryVisitor {
  descriptor(descriptor: Descriptor): void;
  /** Called with the data sectors, in the order of their descriptors. */
  dataSector(sector: Buffer): void;
}

/** Returns true if a sector of the log begins as an entry does: no other sector of an entry does. */
export function isEntryStart(sector: Uint8Array): boolean {
  return text(sector, LOG_ENTRY.signature) === 'loge';
}

/** Parses the first sector of an entry. Returns `undefined` if it has another log's GUID, or cannot be an entry. */
export function parseEntry(
  sector: Uint8Array,
  position: number,
  { logGuid, logLength }: { readonly logGuid: string; readonly logLength: number },
): LogEntry | undefined {
  const entry = {
    position,
    length: uint32(sector, LOG_ENTRY.entryLength),
    checksum: uint32(sector, LOG_ENTRY.checksum),
    tail: uint32(sector, LOG_ENTRY.tail),
    sequenceNumber: uint64(sector, LOG_ENTRY.sequenceNumber),
    descriptorCount: uint32(sector, LOG_ENTRY.descriptorCount),
    flushedFileOffset: uint64(sector, LOG_ENTRY.flushedFileOffset),
    lastFileOffset: uint64(sector, LOG_ENTRY.lastFileOffset),
  };
  const isPlausible =
    guid(sector, LOG_ENTRY.logGuid) === logGuid &&
    entry.length >= LOG_SECTOR &&
    entry.length % LOG_SECTOR === 0 &&
    entry.length <= logLength &&
    entry.tail % LOG_SECTOR === 0 &&
    entry.tail < logLength &&
    entry.sequenceNumber > 0n &&
    LOG_ENTRY_HEADER_LENGTH + entry.descriptorCount * DESCRIPTOR_LENGTH <= entry.length;
  return isPlausible ? entry : undefined;
}

/** Reads an entry and calls the visitor for its parts. Returns true if it is whole: its checksum and all its sequence numbers are right. */
export async function visitEntry(ring: LogRing, entry: LogEntry, visitor?: EntryVisitor): Promise<boolean> {
  const { sequenceNumber, descriptorCount } = entry;
  const descriptorsEnd = LOG_ENTRY_HEADER_LENGTH + descriptorCount * DESCRIPTOR_LENGTH;
  const descriptorSectors = Math.ceil(descriptorsEnd / LOG_SECTOR);
  const found = { checksum: 0, dataSectors: 0, isWhole: true };
  const visitDescriptors = (sector: Buffer, index: number) => {
    const start = index * LOG_SECTOR;
    const from = index === 0 ? LOG_ENTRY_HEADER_LENGTH : 0;
    for (let at = from; at < LOG_SECTOR && start + at < descriptorsEnd; at += DESCRIPTOR_LENGTH) {
      const bytes = sector.subarray(at, at + DESCRIPTOR_LENGTH);
      const kind = text(bytes, DESCRIPTOR.signature);
      if (uint64(bytes, DESCRIPTOR.sequenceNumber) !== sequenceNumber || (kind !== 'desc' && kind !== 'zero'))
        found.isWhole = false;
      if (kind === 'desc') found.dataSectors++;
      if (found.isWhole) visitor?.descriptor({ kind, bytes, at: start + at });
    }
  };
  await ring.forEachSector(entry.position, entry.length, (sector, index) => {
    if (index === 0) sector.fill(0, LOG_ENTRY.checksum[0], LOG_ENTRY.checksum[0] + LOG_ENTRY.checksum[1]);
    found.checksum = addToChecksum(found.checksum, sector);
    if (index < descriptorSectors) visitDescriptors(sector, index);
    else if (index < descriptorSectors + found.dataSectors) {
      found.isWhole &&= isDataSector(sector, sequenceNumber);
      if (found.isWhole) visitor?.dataSector(sector);
    }
  });
  return (
    found.isWhole &&
    found.checksum === entry.checksum &&
    (descriptorSectors + found.dataSectors) * LOG_SECTOR <= entry.length
  );
}

function isDataSector(sector: Uint8Array, sequenceNumber: bigint): boolean {
  return (
    text(sector, DATA_SECTOR.signature) === 'data' &&
    uint32(sector, DATA_SECTOR.sequenceHigh) === Number(sequenceNumber >> 32n) &&
    uint32(sector, DATA_SECTOR.sequenceLow) === Number(sequenceNumber & 0xffff_ffffn)
  );
}
