/**
 * The structures of qcow2.rst as it prints them: name, offset and width in bytes. All integers are big-endian.
 */

import type { Field } from '../big-endian.js';

/** The magic number at the start of a file: "QFI" and 0xFB, as Latin-1. */
export const MAGIC = 'QFI\xfb';

/** qcow2.rst, "Header". The fields from 72 on are those of version 3. */
export const HEADER = {
  magic: [0, 4],
  version: [4, 4],
  backingFileOffset: [8, 8],
  backingFileSize: [16, 4],
  clusterBits: [20, 4],
  size: [24, 8],
  cryptMethod: [32, 4],
  l1Size: [36, 4],
  l1TableOffset: [40, 8],
  refcountTableOffset: [48, 8],
  refcountTableClusters: [56, 4],
  nbSnapshots: [60, 4],
  snapshotsOffset: [64, 8],
  incompatibleFeatures: [72, 8],
  compatibleFeatures: [80, 8],
  autoclearFeatures: [88, 8],
  refcountOrder: [96, 4],
  headerLength: [100, 4],
  compressionType: [104, 1],
} as const satisfies Record<string, Field>;

/** Bytes of a header of version 2, and the least of version 3. */
export const HEADER_LENGTH = { 2: 72, 3: 104 } as const;

/** qcow2.rst, "incompatible_features": the numbers of the bits that are defined. */
export const INCOMPATIBLE = { dirty: 0, corrupt: 1, dataFile: 2, compressionType: 3, extendedL2: 4 } as const;
/** qcow2.rst, "compatible_features". */
export const COMPATIBLE = { lazyRefcounts: 0 } as const;
/** qcow2.rst, "autoclear_features". */
export const AUTOCLEAR = { bitmaps: 0, rawDataFile: 1 } as const;

/** qcow2.rst, "Header extensions": their types. */
export const EXTENSION = {
  end: 0,
  backingFormat: 0xe279_2aca,
  featureNames: 0x6803_f857,
  encryption: 0x0537_be77,
  dataFile: 0x4441_5441,
} as const;

/** Bytes of an extension's type and length. */
export const EXTENSION_HEAD = 8;

/** qcow2.rst, "Feature name table": an entry. */
export const FEATURE_NAME = {
  type: [0, 1],
  bit: [1, 1],
  name: [2, 46],
} as const satisfies Record<string, Field>;
/** Bytes of an entry of the feature name table. */
export const FEATURE_NAME_LENGTH = 48;

/** qcow2.rst, "Snapshots": an entry; extra data, id and name follow. */
export const SNAPSHOT = {
  l1TableOffset: [0, 8],
  l1Size: [8, 4],
  idLength: [12, 2],
  nameLength: [14, 2],
  seconds: [16, 4],
  nanoseconds: [20, 4],
  vmClock: [24, 8],
  vmStateSize: [32, 4],
  extraDataSize: [36, 4],
  /** Of the extra data, if it has 16 bytes. */
  largeVmStateSize: [40, 8],
  virtualSize: [48, 8],
} as const satisfies Record<string, Field>;
/** Bytes of a snapshot table entry before its extra data. */
export const SNAPSHOT_LENGTH = 40;

/** Bytes of an entry of an L1 table. */
export const L1_ENTRY = 8;
/** The largest L1 table, in entries: 32 MiB, as in qemu. */
export const MAX_L1_ENTRIES = 4 * 1024 * 1024;
/** As in qemu. */
export const MAX_SNAPSHOTS = 65_536;
/** Bytes of the longest backing file name. */
export const MAX_NAME = 1023;
/** The largest disk that is read, in bytes: 64 TiB. */
export const MAX_SIZE = 64 * 1024 ** 4;
/** Subclusters of a cluster with extended L2 entries. */
export const SUBCLUSTERS = 32;
