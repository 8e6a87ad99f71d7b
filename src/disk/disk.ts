import type { Warning } from '../errors.js';

/**
 * A stretch of the virtual disk, half open: `[offset, offset + length)`, in bytes, multiples of 512.
 *
 * - `data`: a layer stores these bytes; they may still all be zero.
 * - `zero`: no layer stores anything here, or the deciding layer ends before it: the bytes are zero.
 * - `absent`: only with `above`: none of the selected layers decides this stretch; the layers below show through.
 */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly kind: 'data' | 'zero' | 'absent';
  /** Index into `Disk.layers` of the layer that decides this extent. */
  readonly layer: number;
}

/** Which extents of a disk are listed. */
export interface ExtentOptions {
  /** Only layers with a smaller index decide. Default: all of them. */
  readonly above?: number;
}

/** The value of a detail, for programs. */
export type DetailValue =
  string | number | boolean | readonly (string | Readonly<Record<string, string | number | boolean>>)[];

/** Something that only some formats say about an image. */
export interface LayerDetail {
  /** For programs, such as `clusterSize`; printable, the same for the same thing in all formats. */
  readonly name: string;
  /** For people, such as `cluster size`. */
  readonly label: string;
  readonly value: DetailValue;
  /** The value for people; printable characters only. */
  readonly text: string;
}

/** The description of one image of a chain. */
export interface Layer {
  readonly path: string;
  /** The format of the file, such as `vhd`. */
  readonly format: string;
  readonly type: 'fixed' | 'dynamic' | 'differencing';
  /** Identity as 32 hexadecimal digits with hyphens; `undefined` if the file carries none (all zeros). */
  readonly id: string | undefined;
  /** Set if the file carries no id and `id` was derived from parts of the content: equal ids do not prove equal content. */
  readonly isIdDerived?: true;
  /** Identity of the parent that this layer names; only on differencing layers. */
  readonly parentId: string | undefined;
  /** Virtual size in bytes. */
  readonly size: number;
  /** Bytes that the layer stores blocks for. */
  readonly allocated: number;
  /** Size of an allocation unit in bytes; `undefined` if the format has none. */
  readonly blockSize: number | undefined;
  /** Bytes of a sector as the guest sees it, as far as the image says it; else 512. */
  readonly sectorSize: number;
  /** The program that wrote the image, as the file says; printable characters only. */
  readonly creator: string;
  /** What the format says beyond that, such as the compression. */
  readonly details: readonly LayerDetail[];
  /** Things about this file that are unusual but do not make it unusable. */
  readonly warnings: readonly Warning[];
}

/** How a disk was made, as its image records it. A conversion to a VHD keeps as much of it as the format carries. */
export interface Creation {
  /** The format that `record` belongs to. */
  readonly format: string;
  /**
   * The structure in which the format keeps times, geometry and creator, with the bytes of the file: for `vhd` the footer.
   * `undefined` if the format has no such structure.
   */
  readonly record: Uint8Array | undefined;
}

/** The state of a file of a chain, as the file system reports it. */
export interface FileState {
  readonly path: string;
  /** Device and inode: differs from that of all other files of this machine, whatever the path. */
  readonly fileId: string;
  /** Bytes. */
  readonly size: number;
  /** Modification time, nanoseconds since the epoch. */
  readonly mtimeNs: bigint;
  /** Time of the last change of content or inode, nanoseconds since the epoch: it cannot be set back. */
  readonly ctimeNs: bigint;
  /** Bytes that the file system stores for it, at most `size`: less than `size` if the file has holes. */
  readonly allocated: number;
  /** When the times were read, by this machine's clock, milliseconds since the epoch. */
  readonly seenMs: number;
}

/** The state of a file with a digest of its structures: a change of the file changes one of them. */
export interface SourceFile extends FileState {
  /** SHA-256 (hex) of the file's structures: what the file says about itself, without the data. */
  readonly structure: string;
}

/**
 * A sparse, seekable view of a virtual disk: one image, or a chain of images.
 * The format of the files stays hidden behind it.
 */
export interface Disk extends AsyncDisposable {
  /** Virtual size in bytes, a multiple of 512; with `align` that of the top layer is rounded up. */
  readonly size: number;
  /** Bytes of a sector as the guest sees it: that of the top layer. */
  readonly sectorSize: number;
  /** The images that make the disk, top first. */
  readonly layers: readonly Layer[];
  /** Identity of the top layer. */
  readonly id: string | undefined;
  /** How the disk was made, as the top layer says. */
  readonly creation: Creation;
  /** Unusual things about the chain as a whole (the layers have warnings of their own). */
  readonly warnings: readonly Warning[];
  /**
   * Fills `into` with the content at `offset`.
   * Takes any offset and length within the disk. Throws `disk-unreadable` if a file cannot be read.
   */
  read(offset: number, into: Uint8Array): Promise<void>;
  /** Yields the extents of the whole disk in order; neighbours of one kind and layer are merged. */
  extents(options?: ExtentOptions): AsyncIterable<Extent>;
  /**
   * Yields the same extents in batches and not merged, for disks with millions of them: a batch needs no waiting. It is computed
   * while it is iterated, so that it takes no memory, and is valid until the next batch is requested.
   */
  extentBatches(options?: ExtentOptions): AsyncIterable<Iterable<Extent>>;
  /** Returns the disk as one of its layers has it. It shares the files, so it need not be closed. */
  ancestor(layer: number): Disk;
  /** The files as they were before anything of them was read; those of the top layer first. */
  readonly openedFiles: readonly SourceFile[];
  /** Returns the files as they are now, in the same order; reads their structures again. */
  sourceFiles(): Promise<readonly SourceFile[]>;
  /** Like `sourceFiles`, without the structures: reads nothing of the files. */
  fileStates(): Promise<readonly FileState[]>;
  /** Drops all cached content of the files, such as bitmaps, so that it is read again when needed; keeps the structures. */
  dropCache(): void;
  /** Closes all files of the chain. */
  close(): Promise<void>;
}
