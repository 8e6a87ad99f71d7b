import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import type { Layer } from '../disk.js';
import { FILE_FLAG, FILE_PARAMETERS, MIB, guid, uint32, uint64, unlessNone } from './layout.js';
import { readItems, type Item, type ItemName, type MetadataContext } from './metadata-table.js';
import { readParentLocator, type ParentLocator } from './parent-locator.js';
import type { Region } from './region-table.js';

/** What the metadata of a file say ([MS-VHDX] 2.6.2). Sizes in bytes. */
export interface Metadata {
  readonly type: Layer['type'];
  readonly blockSize: number;
  readonly size: number;
  readonly logicalSectorSize: number;
  readonly physicalSectorSize: number;
  /** The same in all files of a chain; `undefined` if it is all zeros. */
  readonly virtualDiskId: string | undefined;
  /** Present exactly if the type is differencing. */
  readonly parent: ParentLocator | undefined;
}

const MIN_BLOCK = MIB;
const MAX_BLOCK = 256 * MIB;
const MAX_SIZE = 64n * 1024n ** 4n;
const SECTOR_SIZES = [512, 4096];

/** Reads and checks the metadata. Returns `undefined`, and reports errors, if something is missing or wrong. Throws `disk-unreadable`. */
export async function readMetadata(
  file: SourceHandle,
  region: Region,
  context: MetadataContext,
): Promise<Metadata | undefined> {
  const items = await readItems(file, region, context);
  if (!items) return undefined;
  const { findings } = context;
  const find = (name: ItemName) => {
    const item = items.get(name);
    if (!item) findings.error(region.offset, 'metadata table', `it has no ${name}`);
    return item;
  };
  const parameters = find('file parameters');
  const blockSize = parameters && blockSizeOf(parameters, findings);
  const type = parameters && typeOf(parameters, findings);
  const logicalSectorSize = sectorSizeOf(find('logical sector size'), 'logical sector size', findings);
  const physicalSectorSize = sectorSizeOf(find('physical sector size'), 'physical sector size', findings);
  const size = sizeOf(find('virtual disk size'), logicalSectorSize, findings);
  const id = find('virtual disk id');
  const locator = type === 'differencing' ? find('parent locator') : undefined;
  const parent = locator && readParentLocator(locator, findings);
  if (!id || !type || !blockSize || !size || !logicalSectorSize || !physicalSectorSize) return undefined;
  if (type === 'differencing' && !parent) return undefined;
  return {
    type,
    blockSize,
    size,
    logicalSectorSize,
    physicalSectorSize,
    virtualDiskId: unlessNone(guid(id.bytes, [0, 16])),
    parent,
  };
}

function blockSizeOf({ offset, bytes }: Item, findings: Findings): number | undefined {
  const blockSize = uint32(bytes, FILE_PARAMETERS.blockSize);
  if (blockSize >= MIN_BLOCK && blockSize <= MAX_BLOCK && (blockSize & (blockSize - 1)) === 0) return blockSize;
  findings.error(
    offset + FILE_PARAMETERS.blockSize[0],
    'block size',
    `${blockSize} is not a power of two between 1 MiB and 256 MiB`,
  );
  return undefined;
}

function typeOf({ offset, bytes }: Item, findings: Findings): Layer['type'] | undefined {
  const flags = uint32(bytes, FILE_PARAMETERS.flags);
  const isFixed = (flags & FILE_FLAG.leaveBlocksAllocated) !== 0;
  const hasParent = (flags & FILE_FLAG.hasParent) !== 0;
  if (!isFixed || !hasParent) return hasParent ? 'differencing' : isFixed ? 'fixed' : 'dynamic';
  findings.error(offset + FILE_PARAMETERS.flags[0], 'file parameters flags', 'a fixed disk cannot have a parent');
  return undefined;
}

function sectorSizeOf(item: Item | undefined, field: ItemName, findings: Findings): number | undefined {
  if (!item) return undefined;
  const sectorSize = uint32(item.bytes, [0, 4]);
  if (SECTOR_SIZES.includes(sectorSize)) return sectorSize;
  findings.error(item.offset, field, `${sectorSize} is not 512 or 4096`);
  return undefined;
}

function sizeOf(item: Item | undefined, sectorSize: number | undefined, findings: Findings): number | undefined {
  if (!item || sectorSize === undefined) return undefined;
  const size = uint64(item.bytes, [0, 8]);
  const problem =
    size === 0n
      ? 'is 0'
      : size > MAX_SIZE
        ? `${size} is above the limit, 64 TiB`
        : size % BigInt(sectorSize) !== 0n
          ? `${size} is not a multiple of the logical sector size, ${sectorSize}`
          : undefined;
  if (problem === undefined) return Number(size);
  findings.error(item.offset, 'virtual disk size', problem);
  return undefined;
}
