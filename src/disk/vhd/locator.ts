import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { Header } from './header.js';
import {
  FOOTER_LENGTH,
  HEADER,
  HEADER_LENGTH,
  LOCATOR,
  LOCATOR_LENGTH,
  bytesOf,
  text,
  uint32,
  uint64,
} from './layout.js';

/** A parent locator: a path in the form of some platform ("Parent Locator Entries"). */
export interface Locator {
  /** `W2ru` relative, `W2ku` absolute, `MacX` file URL. Writers mix them up, so the path itself decides what it is. */
  readonly code: string;
  readonly path: string;
}

/** No platform allows longer paths, in bytes: they are refused before memory is allocated for them. */
const MAX_LENGTH = 65536;
const ORDER = ['W2ru', 'W2ku', 'MacX'];

/** Reads the locators that have a usable path, relative ones first. Skips legacy and unknown codes; reports a misplaced path as an error. */
export async function readLocators(
  file: SourceHandle,
  header: Header,
  dataEnd: number,
  findings: Findings,
): Promise<Locator[]> {
  const found: Locator[] = [];
  const entries = bytesOf(header.bytes, HEADER.parentLocatorEntries);
  for (let at = 0; at < entries.length; at += LOCATOR_LENGTH) {
    const entry = entries.subarray(at, at + LOCATOR_LENGTH);
    const code = text(entry, LOCATOR.platformCode);
    const length = uint32(entry, LOCATOR.platformDataLength);
    if (!ORDER.includes(code) || length === 0) continue;
    const offset = uint64(entry, LOCATOR.platformDataOffset);
    const problem = misplaced(offset, length, header, dataEnd);
    if (problem !== undefined) {
      findings.error(header.offset + HEADER.parentLocatorEntries[0] + at, `parent locator ${code}`, problem);
      continue;
    }
    const data = Buffer.alloc(length);
    await file.read(Number(offset), data);
    const [path = ''] = data.toString(code === 'MacX' ? 'utf8' : 'utf16le').split('\0', 1);
    if (path !== '') found.push({ code, path });
  }
  return found.sort((a, b) => ORDER.indexOf(a.code) - ORDER.indexOf(b.code));
}

/** Returns what is wrong with the place of a locator's data. */
function misplaced(offset: bigint, length: number, header: Header, dataEnd: number): string | undefined {
  const end = offset + BigInt(length);
  if (length > MAX_LENGTH) return `a length of ${length} bytes is more than any path has (${MAX_LENGTH})`;
  if (offset < BigInt(FOOTER_LENGTH) || end > BigInt(dataEnd))
    return `its data, ${length} bytes at ${offset}, is not within the file's data, ${FOOTER_LENGTH} to ${dataEnd}`;
  if (offset < BigInt(header.offset + HEADER_LENGTH) && end > BigInt(header.offset))
    return `its data at ${offset} overlaps the dynamic header at ${header.offset}`;
  return undefined;
}
