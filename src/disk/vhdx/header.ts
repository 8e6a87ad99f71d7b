import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { ImageOptions } from '../image.js';
import { hasSignature, isValid, reportDamaged, type Copy, type CopyContext, type CopyKind } from './copies.js';
import { HEADER, HEADER_LENGTH, MIB, SECTION, guid, uint16, uint32, uint64, unlessNone } from './layout.js';

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

const KIND: CopyKind = { name: 'header', signature: 'head', fields: HEADER };

/** A larger log is not read: those of real files have a few MiB. */
const MAX_LOG_LENGTH = 1024 * MIB;

/**
 * Reads both headers, and chooses the current one: the valid one with the larger sequence number. One that is damaged is a warning,
 * because a crash may leave one. The file has a whole header section.
 */
export async function readHeader(file: SourceHandle, options: ImageOptions, findings: Findings): Promise<FoundHeader> {
  const copies: Copy[] = [];
  for (const [index, offset] of SECTION.headers.entries()) {
    const bytes = Buffer.alloc(HEADER_LENGTH);
    await file.read(offset, bytes);
    copies.push({ bytes, offset, name: `header ${index + 1}` });
  }
  const chosen = choose(copies, { options, findings });
  return { bytes: copies.map(({ bytes }) => bytes), current: chosen && parse(chosen, file.size, findings) };
}

function choose(copies: readonly Copy[], context: CopyContext): Copy | undefined {
  const { options, findings } = context;
  const [first, second] = copies.filter((copy) => isValid(copy, KIND));
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
  reportDamaged(copies, first, KIND, context);
  if (first ?? !options.ignoreChecksum) return first;
  const [best] = copies
    .filter((copy) => hasSignature(copy, KIND))
    .sort((a, b) => (sequenceNumber(a) < sequenceNumber(b) ? 1 : -1));
  if (best)
    findings.warning(
      best.offset + HEADER.checksum[0],
      'header checksum',
      'the checksum of the header is wrong and was ignored',
      { code: 'checksum-ignored' },
    );
  return best;
}

function sequenceNumber({ bytes }: Copy): bigint {
  return uint64(bytes, HEADER.sequenceNumber);
}

/** Returns the fields of the current header. Returns `undefined`, and reports an error, if one of them is wrong. */
function parse({ bytes, offset }: Copy, fileSize: number, findings: Findings): Header | undefined {
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
