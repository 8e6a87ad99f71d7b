import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { ImageOptions } from '../image.js';
import { option } from '../../option-names.js';
import {
  HEADER,
  HEADER_LENGTH,
  MIB,
  SECTION,
  checksum,
  guid,
  hex,
  text,
  uint16,
  uint32,
  uint64,
  unlessNone,
} from './layout.js';

/** The current header of a file, parsed ([MS-VHDX] 2.2.2). */
export interface Header {
  /** Offset of the header in the file. */
  readonly offset: number;
  /** `undefined` if it is all zeros. */
  readonly dataWriteGuid: string | undefined;
  /** `undefined` if there is no log to replay. */
  readonly logGuid: string | undefined;
  /** Offset of the log in the file, in bytes, as is its length. */
  readonly logOffset: number;
  readonly logLength: number;
}

/** The result of reading both headers. */
export interface FoundHeader {
  /** Both headers as they are in the file. */
  readonly bytes: readonly Uint8Array[];
  /** `undefined` if there is no valid one. */
  readonly current: Header | undefined;
}

interface Candidate {
  readonly bytes: Buffer;
  readonly offset: number;
}

/** A larger log is not read: those of real files have a few MiB. */
const MAX_LOG_LENGTH = 1024 * MIB;

/**
 * Reads both headers, and chooses the current one: the valid one with the larger sequence number. One that is damaged is a warning,
 * because a crash may leave one. The file has a whole header section.
 */
export async function readHeader(file: SourceHandle, options: ImageOptions, findings: Findings): Promise<FoundHeader> {
  const candidates: Candidate[] = [];
  for (const offset of SECTION.headers) {
    const bytes = Buffer.alloc(HEADER_LENGTH);
    await file.read(offset, bytes);
    candidates.push({ bytes, offset });
  }
  const chosen = choose(candidates, options, findings);
  return { bytes: candidates.map(({ bytes }) => bytes), current: chosen && parse(chosen, file.size, findings) };
}

function choose(candidates: readonly Candidate[], options: ImageOptions, findings: Findings): Candidate | undefined {
  const valid = candidates.filter(({ bytes }) => hasSignature(bytes) && hasChecksum(bytes));
  const [first, second] = valid;
  if (first && second) {
    const [a, b] = [sequenceNumber(first), sequenceNumber(second)];
    if (a !== b || first.bytes.equals(second.bytes)) return b > a ? second : first;
    findings.error(
      second.offset + HEADER.sequenceNumber[0],
      'header 2 sequence number',
      `both headers have the number ${a}, and they differ: none of them is the current one`,
    );
    return undefined;
  }
  for (const candidate of candidates) {
    if (candidate === first) continue;
    const { offset, field, problem } = damage(candidate);
    if (first) findings.warning(offset, field, `${problem}: the other header is used`, { code: 'damaged-copy' });
    else if (!options.ignoreChecksum || !hasSignature(candidate.bytes))
      findings.error(offset, field, problem, { hint: damagedHint() });
  }
  if (first ?? !options.ignoreChecksum) return first;
  const [best] = candidates
    .filter(({ bytes }) => hasSignature(bytes))
    .sort((a, b) => (sequenceNumber(a) < sequenceNumber(b) ? 1 : -1));
  if (best)
    findings.warning(
      best.offset + HEADER.checksum[0],
      'header checksum',
      'the checksum of the header is wrong and was ignored',
      {
        code: 'checksum-ignored',
      },
    );
  return best;
}

/** Returns what to do about a wrong checksum. */
export function damagedHint(): string {
  return `the file is damaged; ${option('ignoreChecksum')} reads it all the same`;
}

function damage({ bytes, offset }: Candidate): { offset: number; field: string; problem: string } {
  const name = `header ${SECTION.headers.findIndex((place) => place === offset) + 1}`;
  if (!hasSignature(bytes)) return { offset, field: `${name} signature`, problem: 'is not "head"' };
  return {
    offset: offset + HEADER.checksum[0],
    field: `${name} checksum`,
    problem: `${hex(uint32(bytes, HEADER.checksum))} is wrong, the bytes give ${hex(checksum(bytes))}`,
  };
}

function hasSignature(bytes: Uint8Array): boolean {
  return text(bytes, HEADER.signature) === 'head';
}

function hasChecksum(bytes: Uint8Array): boolean {
  return uint32(bytes, HEADER.checksum) === checksum(bytes);
}

function sequenceNumber({ bytes }: Candidate): bigint {
  return uint64(bytes, HEADER.sequenceNumber);
}

/** Returns the fields of the current header. Returns `undefined`, and reports an error, if one of them is wrong. */
function parse({ bytes, offset }: Candidate, fileSize: number, findings: Findings): Header | undefined {
  const logGuid = unlessNone(guid(bytes, HEADER.logGuid));
  const logOffset = uint64(bytes, HEADER.logOffset);
  const logLength = uint32(bytes, HEADER.logLength);
  const version = uint16(bytes, HEADER.version);
  const logVersion = uint16(bytes, HEADER.logVersion);
  const errorsBefore = findings.problems.length;
  const refuse = (field: keyof typeof HEADER, name: string, problem: string, isUnsupported = false) => {
    findings.error(offset + HEADER[field][0], `header ${name}`, problem, {
      code: isUnsupported ? 'disk-unsupported' : 'disk-invalid',
    });
  };
  if (version !== 1) refuse('version', 'version', `${version} is not 1`, true);
  if (logGuid !== undefined && logVersion !== 0) refuse('logVersion', 'log version', `${logVersion} is not 0`, true);
  if (logLength % MIB !== 0) refuse('logLength', 'log length', `${logLength} is not a multiple of 1 MiB`);
  if (logGuid !== undefined && logLength > MAX_LOG_LENGTH)
    refuse('logLength', 'log length', `a log of ${logLength} bytes is above the limit, 1 GiB`, true);
  if (logOffset % BigInt(MIB) !== 0n || logOffset < BigInt(SECTION.length))
    refuse('logOffset', 'log offset', `${logOffset} is not a multiple of 1 MiB from 1 MiB on`);
  else if (logOffset + BigInt(logLength) > BigInt(fileSize))
    refuse(
      'logOffset',
      'log offset',
      `a log of ${logLength} bytes at ${logOffset} is past the end of the file at ${fileSize}`,
    );
  if (findings.problems.length > errorsBefore) return undefined;
  return {
    offset,
    dataWriteGuid: unlessNone(guid(bytes, HEADER.dataWriteGuid)),
    logGuid,
    logOffset: Number(logOffset),
    logLength,
  };
}
