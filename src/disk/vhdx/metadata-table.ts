import type { Hash } from 'node:crypto';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import {
  ENTRY_LENGTH,
  ITEM,
  MAX_ENTRIES,
  MAX_USER_ITEMS,
  METADATA_ENTRY,
  METADATA_FLAG,
  METADATA_TABLE,
  METADATA_TABLE_HEADER_LENGTH,
  METADATA_TABLE_LENGTH,
  MIB,
  guid,
  text,
  uint16,
  uint32,
} from './layout.js';
import type { Region } from './region-table.js';

/** The name of a known metadata item. */
export type ItemName = keyof typeof ITEM;

/** A metadata item. */
export interface Item {
  /** Offset of the item in the file, in bytes. */
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Receives the findings and the digest of the metadata. */
export interface MetadataContext {
  readonly findings: Findings;
  readonly digest: Hash;
}

/** The most bytes of an item. */
const MAX_ITEM_LENGTH = MIB;

interface Entry {
  readonly name: ItemName | undefined;
  /** Offset in the region, in bytes. */
  readonly offset: number;
  readonly length: number;
}

/**
 * Reads the metadata table and the known items ([MS-VHDX] 2.6). Returns `undefined`, and reports an error, if the table is damaged, or
 * has an item that is required and not known. Throws `disk-unreadable`.
 */
export async function readItems(
  file: SourceHandle,
  region: Region,
  { findings, digest }: MetadataContext,
): Promise<ReadonlyMap<ItemName, Item> | undefined> {
  if (region.length < METADATA_TABLE_LENGTH) {
    findings.error(region.offset, 'metadata region', `${region.length} bytes are too few for its table`);
    return undefined;
  }
  const table = Buffer.alloc(METADATA_TABLE_LENGTH);
  await file.read(region.offset, table);
  digest.update(table);
  const entries = entriesOf(table, region, findings);
  if (!entries) return undefined;
  const items = new Map<ItemName, Item>();
  for (const { name, offset, length } of entries) {
    if (name === undefined) continue;
    const bytes = Buffer.alloc(length);
    await file.read(region.offset + offset, bytes);
    digest.update(bytes);
    items.set(name, { offset: region.offset + offset, bytes });
  }
  return items;
}

/** Checks the entries; the first problem ends it. */
function entriesOf(table: Buffer, region: Region, findings: Findings): Entry[] | undefined {
  const refuse = (at: number, field: string, problem: string, isUnsupported = false) => {
    findings.error(region.offset + at, field, problem, { code: isUnsupported ? 'disk-unsupported' : 'disk-invalid' });
  };
  if (text(table, METADATA_TABLE.signature) !== 'metadata') {
    refuse(0, 'metadata table signature', 'is not "metadata"');
    return undefined;
  }
  const count = uint16(table, METADATA_TABLE.entryCount);
  if (count > MAX_ENTRIES) {
    refuse(METADATA_TABLE.entryCount[0], 'metadata table entry count', `${count} is above the limit, ${MAX_ENTRIES}`);
    return undefined;
  }
  const entries: Entry[] = [];
  const seen = new Set<string>();
  let userItems = 0;
  for (let index = 0; index < count; index++) {
    const at = METADATA_TABLE_HEADER_LENGTH + index * ENTRY_LENGTH;
    const bytes = table.subarray(at, at + ENTRY_LENGTH);
    const field = (name: string) => `metadata table entry ${index} ${name}`;
    const id = guid(bytes, METADATA_ENTRY.itemId);
    const flags = uint32(bytes, METADATA_ENTRY.flags);
    const isUser = (flags & METADATA_FLAG.isUser) !== 0;
    const key = `${id} ${isUser}`;
    if (seen.has(key)) {
      refuse(at, field('item id'), `the item ${id} is there twice`);
      return undefined;
    }
    seen.add(key);
    if (isUser && ++userItems > MAX_USER_ITEMS) {
      refuse(at, field('flags'), `there are more than ${MAX_USER_ITEMS} user items`);
      return undefined;
    }
    const name = isUser ? undefined : nameOf(id);
    if (name === undefined && (flags & METADATA_FLAG.isRequired) !== 0) {
      refuse(at, field('item id'), `the item ${id} is required, and not known`, true);
      return undefined;
    }
    const offset = uint32(bytes, METADATA_ENTRY.offset);
    const length = uint32(bytes, METADATA_ENTRY.length);
    if (length > MAX_ITEM_LENGTH) {
      refuse(at + METADATA_ENTRY.length[0], field('length'), `${length} bytes are above the limit, 1 MiB`);
      return undefined;
    }
    if (length > 0 && (offset < METADATA_TABLE_LENGTH || offset + length > region.length)) {
      refuse(
        at + METADATA_ENTRY.offset[0],
        field('offset'),
        `${length} bytes at ${offset} are not within the region, ${METADATA_TABLE_LENGTH} to ${region.length}`,
      );
      return undefined;
    }
    if (name !== undefined && length < ITEM[name][1]) {
      refuse(
        at + METADATA_ENTRY.length[0],
        field('length'),
        `${length} bytes are too few for the ${name}: it has ${ITEM[name][1]}`,
      );
      return undefined;
    }
    entries.push({ name, offset, length });
  }
  return entries;
}

const NAMES: ReadonlyMap<string, ItemName> = new Map([
  [ITEM['file parameters'][0], 'file parameters'],
  [ITEM['virtual disk size'][0], 'virtual disk size'],
  [ITEM['virtual disk id'][0], 'virtual disk id'],
  [ITEM['logical sector size'][0], 'logical sector size'],
  [ITEM['physical sector size'][0], 'physical sector size'],
  [ITEM['parent locator'][0], 'parent locator'],
]);

function nameOf(id: string): ItemName | undefined {
  return NAMES.get(id);
}
