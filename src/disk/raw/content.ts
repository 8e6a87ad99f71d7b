import { SECTOR } from '../../bytes/sector.js';

/** What the first 68 KiB of a disk say about its content. */
export interface Content {
  /** For people. */
  readonly name: string;
  /** The end of the content, in bytes from the start of the disk; `undefined` if its header does not say it. */
  readonly end: number | undefined;
  /** Bytes of a sector; only of a GPT. */
  readonly sectorSize?: number;
}

const MBR_SIGNATURE = 0xaa55;
const PARTITION_TYPE_OF_GPT = 0xee;

/** Recognises a partition table or a file system. Returns all that were found; some content has several (a FAT boot sector looks like an MBR). */
export function recogniseContent(head: Uint8Array): Content[] {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  return [gpt(bytes, SECTOR), gpt(bytes, 4096), ...FILE_SYSTEMS.map((find) => find(bytes)), mbr(bytes)]
    .filter((content) => content !== undefined)
    .map(({ end, ...content }) => ({ ...content, end: Number.isSafeInteger(end) ? end : undefined }));
}

/** The header is in the second sector; its copy, named at 32, in the last one. */
function gpt(head: Buffer, sectorSize: number): Content | undefined {
  if (!has(head, sectorSize, 'EFI PART')) return undefined;
  return { name: 'GPT', end: (uint64(head, sectorSize + 32) + 1) * sectorSize, sectorSize };
}

/** Four entries of 16 bytes from 446: type at 4, first sector at 8, number of sectors at 12. */
function mbr(head: Buffer): Content | undefined {
  if (head.length < SECTOR || head.readUInt16LE(510) !== MBR_SIGNATURE) return undefined;
  const entries = [446, 462, 478, 494].map((at) => ({
    isPlausible: (head.readUInt8(at) & 0x7f) === 0,
    type: head.readUInt8(at + 4),
    end: (head.readUInt32LE(at + 8) + head.readUInt32LE(at + 12)) * SECTOR,
  }));
  // In the boot sector of a file system the same bytes are code; a GPT has its own end.
  const isTable =
    entries.every(({ isPlausible }) => isPlausible) && entries.every(({ type }) => type !== PARTITION_TYPE_OF_GPT);
  const ends = entries.filter(({ type }) => type !== 0).map(({ end }) => end);
  return {
    name: 'MBR',
    end: isTable && ends.length > 0 && bootSector(head) === undefined ? Math.max(...ends) : undefined,
  };
}

/** ext2, ext3, ext4: the superblock is at 1,024. */
function ext(head: Buffer): Content | undefined {
  if (head.length < 2048 || head.readUInt16LE(1080) !== 0xef53) return undefined;
  const is64Bit = (head.readUInt32LE(1024 + 96) & 0x80) !== 0;
  const blocks = head.readUInt32LE(1028) + (is64Bit ? head.readUInt32LE(1024 + 336) * 2 ** 32 : 0);
  return { name: 'ext', end: blocks * 2 ** (10 + head.readUInt32LE(1048)) };
}

/** The file systems whose boot sector begins with a jump and a name. */
function bootSector(head: Buffer): Content | undefined {
  if (head.length < SECTOR || head.readUInt16LE(510) !== MBR_SIGNATURE) return undefined;
  if (has(head, 3, 'NTFS    ')) return { name: 'NTFS', end: uint64(head, 40) * head.readUInt16LE(11) };
  if (has(head, 3, 'EXFAT   ')) return { name: 'exFAT', end: uint64(head, 72) * 2 ** head.readUInt8(108) };
  if (!has(head, 54, 'FAT1') && !has(head, 82, 'FAT32   ')) return undefined;
  const sectors = head.readUInt16LE(19) || head.readUInt32LE(32);
  return { name: 'FAT', end: sectors * head.readUInt16LE(11) };
}

function xfs(head: Buffer): Content | undefined {
  if (!has(head, 0, 'XFSB')) return undefined;
  return { name: 'XFS', end: head.readUInt32BE(4) * Number(head.readBigUInt64BE(8)) };
}

/** The superblock is at 64 KiB. It may be one of several devices, so its size says nothing about this one. */
function btrfs(head: Buffer): Content | undefined {
  return has(head, 0x10040, '_BHRfS_M') ? { name: 'btrfs', end: undefined } : undefined;
}

/** The signature is at the end of the first page, whatever the page size is. */
function swap(head: Buffer): Content | undefined {
  const isSwap = [4096, 8192, 16384, 65536].some(
    (page) => has(head, page - 10, 'SWAPSPACE2') || has(head, page - 10, 'SWAP-SPACE'),
  );
  return isSwap ? { name: 'swap', end: undefined } : undefined;
}

const FILE_SYSTEMS = [ext, bootSector, xfs, btrfs, swap];

function has(head: Buffer, at: number, magic: string): boolean {
  return head.toString('latin1', at, at + magic.length) === magic;
}

function uint64(head: Buffer, at: number): number {
  return at + 8 <= head.length ? Number(head.readBigUInt64LE(at)) : 0;
}
