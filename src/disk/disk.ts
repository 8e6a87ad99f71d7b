/**
 * A stretch of the virtual disk, half open: `[offset, offset + length)`, in bytes, multiples of 512.
 *
 * - `data`: a layer stores these bytes; they may still all be zero.
 * - `zero`: no layer stores anything here (or the layer ends before it): the bytes are zero.
 * - `absent`: only with `above`: none of the layers asked for says anything; what lies below shows through.
 */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly kind: 'data' | 'zero' | 'absent';
  /** Index into `Disk.layers` of the layer that decides this extent. */
  readonly layer: number;
}

/** One image of a chain, as people and programs want to know it. */
export interface Layer {
  readonly path: string;
  /** The container format of the file, such as `vhd`. */
  readonly format: string;
  readonly type: 'fixed' | 'dynamic' | 'differencing';
  /** Identity as 32 hexadecimal digits with hyphens; `undefined` where the file carries none (all zeros). */
  readonly id: string | undefined;
  /** Identity of the parent that this layer asks for; only on differencing layers. */
  readonly parentId: string | undefined;
  /** Virtual size in bytes. */
  readonly size: number;
  /** Bytes that the layer stores blocks for. */
  readonly allocated: number;
  /** Size of an allocation unit in bytes; `undefined` where the format has none. */
  readonly blockSize: number | undefined;
  /** The program that wrote it, as the file says, printable characters only. */
  readonly creator: string;
  /** What is odd about this file without making it unusable. */
  readonly warnings: readonly string[];
}

/** The state of a file of a chain, as the file system has it. */
export interface FileState {
  readonly path: string;
  /** Tells the file from all others of this machine, whatever its path: device and inode. */
  readonly fileId: string;
  readonly size: number;
  /** Modification time, nanoseconds since the epoch. */
  readonly mtimeNs: bigint;
  /** Time of the last change of content or inode, nanoseconds since the epoch: nobody can set it back. */
  readonly ctimeNs: bigint;
  /** When the times were looked at, by this machine's clock, milliseconds since the epoch. */
  readonly seenMs: number;
}

/** What tells that a file of a chain has changed. */
export interface SourceFile extends FileState {
  /** SHA-256 (hex) of the file's structures: what it says of itself, without the data. */
  readonly structure: string;
}

/**
 * A sparse, seekable view of a virtual disk: one image, or a chain of them.
 * The format of the files stays behind it.
 */
export interface Disk extends AsyncDisposable {
  /** Virtual size in bytes, a multiple of 512. */
  readonly size: number;
  /** The images that make the disk, top first. */
  readonly layers: readonly Layer[];
  /** Identity of the top layer. */
  readonly id: string | undefined;
  /** The 512 bytes that, put behind the disk's content, make it a fixed VHD. */
  readonly footer: Uint8Array;
  /** What is odd about the chain as a whole (the layers have warnings of their own). */
  readonly warnings: readonly string[];
  /**
   * Fills `into` with the content at `offset`.
   * Any offset and length within the disk; throws `disk-unreadable` where a file cannot be read.
   */
  read(offset: number, into: Uint8Array): Promise<void>;
  /**
   * The extents of the whole disk in order, neighbours of one kind and layer merged.
   * With `above`, only layers with a smaller index are asked; where they say nothing the extent is `absent`.
   */
  extents(options?: { readonly above?: number }): AsyncIterable<Extent>;
  /**
   * The same, in stretches and not merged, for those who go through millions of extents: those of one stretch are there
   * without waiting, until the next stretch is asked for.
   */
  stretches(options?: { readonly above?: number }): AsyncIterable<Iterable<Extent>>;
  /** The same disk as one of its layers saw it. It shares the files; closing it is not needed. */
  ancestor(layer: number): Disk;
  /** The files as they were before anything of them was read, top first. */
  readonly openedFiles: readonly SourceFile[];
  /** The files as they are now, top first; their structures are read again. */
  sourceFiles(): Promise<readonly SourceFile[]>;
  /** Like `sourceFiles`, without the structures: nothing of the files is read. */
  fileStates(): Promise<readonly FileState[]>;
  /** Drops all cached content of the files, such as bitmaps, so that it is read again when needed; keeps the structures. */
  dropCache(): void;
  close(): Promise<void>;
}
