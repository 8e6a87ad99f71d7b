import { bytesOf, uint16, uint32, uint64 } from '../big-endian.js';
import { displayName } from '../display-name.js';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { Header } from './header.js';
import { HEADER, SNAPSHOT, SNAPSHOT_LENGTH } from './layout.js';

/** The longest snapshot table that is read, in bytes: as in qemu. */
const MAX_TABLE = 64 * 1024 * 1024;
/** The table is read in pieces of at least this many bytes. */
const PIECE = 64 * 1024;
/** This many snapshots are listed in a message. */
const MAX_LISTED = 8;

/** An internal snapshot of an image (qcow2.rst, "Snapshots"). */
export interface Snapshot {
  /** Offset of its entry in the file, in bytes. */
  readonly offset: number;
  readonly id: string;
  readonly name: string;
  /** Virtual size in bytes. */
  readonly size: bigint;
  /** Entries of its L1 table. */
  readonly l1Size: number;
  /** Offset of its L1 table in the file, in bytes. */
  readonly l1Offset: bigint;
  /** The time at which it was taken, in seconds since the Unix epoch. */
  readonly seconds: number;
}

/** The snapshot table of an image. Offsets and lengths in bytes. */
export interface SnapshotTable {
  readonly offset: number;
  readonly length: number;
  readonly snapshots: readonly Snapshot[];
}

/** Reads the snapshot table. Returns `undefined` if there is none, or it is not all in the file, which is reported. Throws `disk-unreadable`. */
export async function readSnapshots(
  file: SourceHandle,
  header: Header,
  findings: Findings,
): Promise<SnapshotTable | undefined> {
  const { snapshotCount, snapshotsOffset, clusterBits } = header;
  if (snapshotCount === 0 || findings.firstError) return undefined;
  const refuse = (problem: string): undefined => {
    findings.error(HEADER.snapshotsOffset[0], 'snapshots offset', problem);
  };
  if (snapshotsOffset === 0n || snapshotsOffset % BigInt(2 ** clusterBits) !== 0n) {
    refuse(`${snapshotsOffset} is not the start of a cluster behind the header`);
    return;
  }
  if (snapshotsOffset + BigInt(snapshotCount) * BigInt(SNAPSHOT_LENGTH) > BigInt(file.size)) {
    refuse(`${snapshotCount} snapshots at ${snapshotsOffset} go beyond the end of the file at ${file.size}`);
    return;
  }
  const offset = Number(snapshotsOffset);
  const reader = new EntryReader(file, offset);
  const snapshots: Snapshot[] = [];
  for (let index = 0; index < snapshotCount; index++) {
    const at = offset + reader.done;
    const snapshot = await readEntry(reader, header, at);
    if (!snapshot) {
      findings.error(
        at,
        `snapshot table entry ${index}`,
        'it goes beyond the end of the file, or of a table of 64 MiB',
      );
      return undefined;
    }
    snapshots.push(snapshot);
  }
  return { offset, length: reader.done, snapshots };
}

async function readEntry(reader: EntryReader, header: Header, offset: number): Promise<Snapshot | undefined> {
  const head = await reader.next(SNAPSHOT_LENGTH);
  if (!head) return undefined;
  const extraSize = uint32(head, SNAPSHOT.extraDataSize);
  const idLength = uint16(head, SNAPSHOT.idLength);
  const nameLength = uint16(head, SNAPSHOT.nameLength);
  const length = Math.ceil((SNAPSHOT_LENGTH + extraSize + idLength + nameLength) / 8) * 8 - SNAPSHOT_LENGTH;
  const rest = await reader.next(length);
  if (!rest) return undefined;
  const textAt = (at: number, bytes: number) => Buffer.from(bytesOf(rest, [at, bytes])).toString('utf8');
  const [sizeOffset] = SNAPSHOT.virtualSize;
  return {
    offset,
    id: textAt(extraSize, idLength),
    name: textAt(extraSize + idLength, nameLength),
    size: extraSize >= 16 ? uint64(rest, [sizeOffset - SNAPSHOT_LENGTH, 8]) : header.size,
    l1Size: uint32(head, SNAPSHOT.l1Size),
    l1Offset: uint64(head, SNAPSHOT.l1TableOffset),
    seconds: uint32(head, SNAPSHOT.seconds),
  };
}

/** Reads a table from its start on. Its length is known only when its last entry was read. */
class EntryReader {
  readonly #file: SourceHandle;
  readonly #offset: number;
  #piece = new Uint8Array(0);
  #pieceStart = 0;
  /** Bytes that were returned. */
  done = 0;

  constructor(file: SourceHandle, offset: number) {
    this.#file = file;
    this.#offset = offset;
  }

  /** Returns the next bytes; `undefined` if the file ends before, or the table is too long. The last entry may lack its padding. */
  async next(length: number): Promise<Uint8Array | undefined> {
    const left = this.#file.size - this.#offset - this.done;
    if (length > left + 7 || this.done + length > MAX_TABLE) return undefined;
    const from = this.done - this.#pieceStart;
    this.done += length;
    if (from + length > this.#piece.length) {
      this.#piece = new Uint8Array(Math.min(left, Math.max(length, PIECE)));
      this.#pieceStart = this.done - length;
      await this.#file.read(this.#offset + this.#pieceStart, this.#piece);
      return this.#piece.subarray(0, length);
    }
    return this.#piece.subarray(from, from + length);
  }
}

/**
 * Returns the snapshot with this id, or else this name. Returns `undefined`, and reports an error that lists the snapshots, if there
 * is none or there are several.
 */
export function chooseSnapshot(
  wanted: string,
  snapshots: readonly Snapshot[],
  findings: Findings,
): Snapshot | undefined {
  const byId = snapshots.filter(({ id }) => id === wanted);
  const found = byId.length > 0 ? byId : snapshots.filter(({ name }) => name === wanted);
  const [first] = found;
  if (first && found.length === 1) return first;
  const listed = snapshots
    .slice(0, MAX_LISTED)
    .map(({ id, name }) => `${displayName(id, 40)} (${displayName(name, 60)})`);
  if (snapshots.length > MAX_LISTED) listed.push(`${snapshots.length - MAX_LISTED} more`);
  const problem = first
    ? `${found.length} snapshots have the ${byId.length > 0 ? 'id' : 'name'} ${displayName(wanted)}`
    : `there is no snapshot ${displayName(wanted)}`;
  findings.error(
    HEADER.snapshotsOffset[0],
    'snapshots',
    `${problem}; ${listed.length === 0 ? 'the image has none' : `the snapshots are ${listed.join(', ')}`}`,
    { code: 'disk-unsupported' },
  );
  return undefined;
}
