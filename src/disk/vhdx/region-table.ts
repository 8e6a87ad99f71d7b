import type { Hash } from 'node:crypto';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { ImageOptions } from '../image.js';
import type { UsedUnits } from '../used-units.js';
import { hasSignature, isValid, reportDamaged, type Copy, type CopyKind } from './copies.js';
import {
  ENTRY_LENGTH,
  MAX_ENTRIES,
  MIB,
  REGION,
  REGION_ENTRY,
  REGION_TABLE,
  REGION_TABLE_HEADER_LENGTH,
  REGION_TABLE_LENGTH,
  SECTION,
  guid,
  uint32,
  uint64,
} from './layout.js';

/** A part of the file; offset and length in bytes. */
export interface Region {
  readonly offset: number;
  readonly length: number;
}

/** The regions that every file has. */
export interface Regions {
  readonly bat: Region;
  readonly metadata: Region;
}

/** What a region table is checked with. */
export interface RegionContext {
  readonly findings: Findings;
  readonly options: ImageOptions;
  readonly digest: Hash;
  /** MiB of the file that are in use; those of the regions are added. */
  readonly used: UsedUnits;
}

const KIND: CopyKind = { name: 'region table', signature: 'regi', fields: REGION_TABLE };

/**
 * Reads the region table: the first, or its copy if that one is damaged ([MS-VHDX] 2.2.3). Returns `undefined`, and reports an
 * error, if both are, or if a region is unknown and required, or at a wrong place. Throws `disk-unreadable`.
 */
export async function readRegions(file: SourceHandle, context: RegionContext): Promise<Regions | undefined> {
  const tables: Copy[] = [];
  for (const [index, offset] of SECTION.regionTables.entries()) {
    const bytes = Buffer.alloc(REGION_TABLE_LENGTH);
    await file.read(offset, bytes);
    context.digest.update(bytes);
    tables.push({ bytes, offset, name: `region table ${index + 1}` });
  }
  const table = choose(tables, context);
  return table && regionsOf(table, file.size, context);
}

function choose(tables: readonly Copy[], context: RegionContext): Copy | undefined {
  const { findings, options } = context;
  const [first, second] = tables.filter((table) => isValid(table, KIND));
  if (first && second && !first.bytes.equals(second.bytes))
    findings.warning(second.offset, second.name, 'it differs from the first region table, which is used', {
      code: 'damaged-copy',
    });
  reportDamaged(tables, first, KIND, context);
  if (first ?? !options.ignoreChecksum) return first;
  const best = tables.find((table) => hasSignature(table, KIND));
  if (best)
    findings.warning(
      best.offset + REGION_TABLE.checksum[0],
      `${best.name} checksum`,
      'the checksum of the region table is wrong and was ignored',
      { code: 'checksum-ignored' },
    );
  return best;
}

/** Checks the entries; the first problem ends it. */
function regionsOf(
  { bytes, offset: tableOffset, name }: Copy,
  fileSize: number,
  context: RegionContext,
): Regions | undefined {
  const { findings, used } = context;
  const count = uint32(bytes, REGION_TABLE.entryCount);
  if (count > MAX_ENTRIES) {
    findings.error(
      tableOffset + REGION_TABLE.entryCount[0],
      `${name} entry count`,
      `${count} is above the limit, ${MAX_ENTRIES}`,
    );
    return undefined;
  }
  const regions = new Map<string, Region>();
  for (let index = 0; index < count; index++) {
    const at = REGION_TABLE_HEADER_LENGTH + index * ENTRY_LENGTH;
    const entry = bytes.subarray(at, at + ENTRY_LENGTH);
    const id = guid(entry, REGION_ENTRY.guid);
    const refuse = (
      field: keyof typeof REGION_ENTRY,
      what: string,
      problem: string,
      isUnsupported = false,
    ): undefined => {
      findings.error(tableOffset + at + REGION_ENTRY[field][0], `${name} entry ${index} ${what}`, problem, {
        code: isUnsupported ? 'disk-unsupported' : 'disk-invalid',
      });
    };
    if (regions.has(id)) {
      refuse('guid', 'guid', `the region ${id} is there twice`);
      return undefined;
    }
    const isRequired = (uint32(entry, REGION_ENTRY.required) & 1) !== 0;
    if (isRequired && id !== REGION.bat && id !== REGION.metadata) {
      refuse('guid', 'guid', `the region ${id} is required, and not known`, true);
      return undefined;
    }
    const offset = uint64(entry, REGION_ENTRY.fileOffset);
    const length = uint32(entry, REGION_ENTRY.length);
    if (offset % BigInt(MIB) !== 0n || offset < BigInt(SECTION.length)) {
      refuse('fileOffset', 'file offset', `${offset} is not a multiple of 1 MiB from 1 MiB on`);
      return undefined;
    }
    if (length % MIB !== 0) {
      refuse('length', 'length', `${length} is not a multiple of 1 MiB`);
      return undefined;
    }
    if (offset + BigInt(length) > BigInt(fileSize)) {
      refuse(
        'fileOffset',
        'file offset',
        `a region of ${length} bytes at ${offset} is past the end of the file at ${fileSize}`,
      );
      return undefined;
    }
    const region = { offset: Number(offset), length };
    if (!used.claim(region.offset / MIB, region.length / MIB)) {
      refuse(
        'fileOffset',
        'file offset',
        `the region of ${length} bytes at ${offset} overlaps the log or another region`,
      );
      return undefined;
    }
    regions.set(id, region);
  }
  const bat = regions.get(REGION.bat);
  const metadata = regions.get(REGION.metadata);
  if (!bat) findings.error(tableOffset, name, 'it has no BAT');
  if (!metadata) findings.error(tableOffset, name, 'it has no metadata region');
  return bat && metadata && { bat, metadata };
}
