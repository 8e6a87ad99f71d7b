import { makeVhdx, sealChecksum, type VhdxPlaces, type VhdxSpec } from '../../fixtures/vhdx.js';
import { MemoryFiles } from './memory-files.js';

const MIB = 2 ** 20;
const HEADER_LENGTH = 4096;
const TABLE_LENGTH = 65536;

/** An image in memory, and the places of its structures. */
export interface VhdxFile {
  readonly bytes: Buffer;
  readonly places: VhdxPlaces;
  readonly dataWriteGuid: string;
  readonly virtualDiskId: string;
}

/** Returns a small dynamic image in memory: four blocks of 1 MiB, the second of which it holds. */
export function vhdxFile(spec: Partial<VhdxSpec> = {}): VhdxFile {
  const { file, ...image } = makeVhdx({
    path: '/vms/disk.vhdx',
    type: 'dynamic',
    size: 4 * MIB,
    operations: [{ kind: 'write', offset: MIB, data: Buffer.alloc(MIB, 0xa1) }],
    ...spec,
  });
  return { bytes: file.read(0, file.length), ...image };
}

/** Sets the checksums of headers and region tables. */
export function sealAll(bytes: Buffer, { currentHeader, otherHeader, regionTables }: VhdxPlaces): void {
  for (const at of [currentHeader, otherHeader]) sealChecksum(bytes.subarray(at, at + HEADER_LENGTH));
  for (const at of regionTables) sealChecksum(bytes.subarray(at, at + TABLE_LENGTH));
}

/** Puts one file behind the seam of the reader. */
export function filesOf(bytes: Buffer, path = '/vms/disk.vhdx'): MemoryFiles {
  return new MemoryFiles([[path, bytes]]);
}
