import type { Decompression } from './decompression.js';
import type { Creation, FileState, Layer, SourceFile } from './disk.js';
import type { SourceHandle } from './file.js';
import type { FileEnds } from './file-ends.js';
import type { Findings } from './findings.js';
import type { MemoryBudget } from './memory-budget.js';

/** What one image, on its own, has in a stretch of the disk. `absent`: the parent decides. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
  readonly kind: 'data' | 'zero' | 'absent';
}

/**
 * What one image has in a stretch of the disk, with everything in memory that it takes to list the segments: `segmentAt` never
 * waits. A map stays valid when other maps are loaded.
 */
export interface AllocationMap {
  /** First byte after the stretch. */
  readonly end: number;
  /** Returns the segment from `offset`, an offset within the stretch, to its end or the end of the stretch. Neighbours may be of one kind. */
  segmentAt(offset: number): Segment;
  /** Fills `into` with the content at `offset`; all of it is within one `data` segment. Throws `disk-unreadable`. */
  read(offset: number, into: Uint8Array): Promise<void>;
}

/** Returns true if no sector of `[from, to)` is needed of an image, because the images above it have all of them. */
export type IsHidden = (from: number, to: number) => boolean;

/** A place in a file, for messages. */
export interface FieldPlace {
  /** Bytes from the start of the file; `undefined` if the problem is about the whole file. */
  readonly offset: number | undefined;
  readonly field: string;
}

/** Something unusual between an image and its parent. */
export interface ParentWarning extends FieldPlace {
  /** See `Warning`. */
  readonly code: string;
  readonly problem: string;
}

/** Whether a candidate is the parent of an image. */
export interface Judgement {
  /** Why the candidate is not the parent; `undefined` if it is. */
  readonly refusal: string | undefined;
  /** Unusual things about the pair; only of a parent that fits. */
  readonly warnings: readonly ParentWarning[];
}

/** How an image names its parent, and how it recognises it. Which fields decide is known to the format only. */
export interface ParentReference {
  /** Paths and names as the file carries them, the most reliable first. */
  readonly names: readonly string[];
  /** The only format that a parent may have; `undefined` if every format may be one. */
  readonly format: string | undefined;
  /** The field that identifies the parent. */
  readonly place: FieldPlace;
  /** The parent in words, for "no … was found". */
  readonly description: string;
  /** Returns whether a candidate, of the right format, is the parent. */
  judge(candidate: ImageSummary): Judgement;
}

/** The description of an image that a chain needs. A damaged image has one too, as far as it can be read. */
export interface ImageSummary {
  readonly path: string;
  readonly type: Layer['type'];
  readonly id: string | undefined;
  /** Virtual size in bytes; `undefined` if the file holds no valid one. */
  readonly size: number | undefined;
  /** What children of this format remember of the image besides its id, such as a time stamp. */
  readonly stamp: number | undefined;
  /** See `Layer.sectorSize`; `undefined` if the file holds no valid one. */
  readonly sectorSize: number | undefined;
  readonly parent: ParentReference | undefined;
}

/** One image of a chain, in one or more files: what a format has to provide. */
export interface Image {
  /** The image on its own. */
  readonly layer: Layer;
  /** Returns the layer as it is over its parent, with an id that is derived from both; absent if the id does not depend on the parent. */
  layerOver?(parent: Layer): Layer;
  readonly creation: Creation;
  /**
   * Reads what it takes to list the segments of `[offset, end)`, within the image's size. The map may end before `end`, so that
   * one call needs little memory. Hidden stretches need not be read, and the caller must not use the map for them. `isHidden` is
   * called with ascending stretches.
   */
  load(offset: number, end: number, isHidden: IsHidden): Promise<AllocationMap>;
  /** The files as they were before anything of them was read. Never empty. */
  readonly openedFiles: readonly SourceFile[];
  /** Returns the files as they are now, in the same order; reads their structures again. */
  currentFiles(): Promise<readonly SourceFile[]>;
  /** Like `currentFiles`, without the structures: reads nothing of the files. */
  fileStates(): Promise<readonly FileState[]>;
  /** Drops all cached content of the files, so that it is read again when needed; keeps the structures. */
  dropCache(): void;
  /** Closes all files of the image. */
  close(): Promise<void>;
}

/** The result of opening one image, after all checks. */
export interface Inspection {
  readonly path: string;
  /** The files of the image that could be opened, by `SourceHandle.identity`. */
  readonly fileIds: readonly string[];
  readonly findings: Findings;
  /** `undefined` if the file is not an image at all. */
  readonly summary: ImageSummary | undefined;
  /** Present exactly if the findings hold no error. The receiver closes it. */
  readonly image: Image | undefined;
}

/** The part of an inspection that a format provides. */
export type OpenedImage = Pick<Inspection, 'summary' | 'image'>;

/** Choices that hold for every file of a chain. */
export interface ImageOptions {
  /** Accept structures whose checksum is wrong, with a warning. */
  readonly ignoreChecksum?: boolean;
}

/** What a format needs to open an image, besides the file. */
export interface OpenContext {
  readonly findings: Findings;
  readonly options: ImageOptions;
  /** Shared by the images of the chain. */
  readonly memory: MemoryBudget;
  /** Shared by the images of the chain. Images do not close it. */
  readonly decompression: Decompression;
  /** The snapshot within the image that is read, by id or name; `undefined`: the present state. */
  readonly snapshot: string | undefined;
  /**
   * Opens another file of the same image, such as a data file, by the name that the image has for it. The name is as hostile as
   * that of a parent, and has the same bounds. Throws `disk-unreadable` or `disk-unsupported`.
   */
  openBeside(name: string): Promise<SourceHandle>;
}

/** A format of images: one of the list in `registry.ts`. */
export interface ImageFormat {
  /** As in `Layer.format`, and on the command line. */
  readonly name: string;
  /** True if an image may hold snapshots of the disk. */
  readonly hasSnapshots?: true;
  /** Returns true if the ends of a file, or its name, say that it has this format. */
  probe(ends: FileEnds): boolean;
  /**
   * Reads and checks all structures of a file; reports problems to `context.findings`. Throws only if the file cannot be read.
   * A returned image owns the handle.
   */
  open(file: SourceHandle, context: OpenContext): Promise<OpenedImage>;
}
