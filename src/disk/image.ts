import type { FileState, Layer, SourceFile } from './disk.js';
import type { SourceHandle } from './file.js';
import type { Findings } from './findings.js';
import type { MemoryBudget } from './memory-budget.js';

/** What one image, on its own, says about a stretch of the disk. `absent` means: ask the parent. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
  readonly kind: 'data' | 'zero' | 'absent';
  /** For `data`: where in the file the bytes are. */
  readonly position: number;
}

/**
 * A stretch of one image, with all that it takes to tell its segments in memory: asking it waits for nothing. Whoever has
 * it keeps what it holds.
 */
export interface View {
  /** First byte behind the stretch. */
  readonly end: number;
  /** The segment from `offset`, an offset within the stretch, to where it ends or the stretch does. Neighbours may be of one kind. */
  segmentAt(offset: number): Segment;
}

/** Whether no sector of `[from, to)` is asked of an image, because images above it have them all. */
export type IsHidden = (from: number, to: number) => boolean;

/** How an image names its parent. */
export interface ParentReference {
  readonly id: string | undefined;
  /** Where in the file the parent's id is. */
  readonly idOffset: number;
  /** Seconds since 2000-01-01 UTC: the parent's time stamp as the child remembers it. */
  readonly timeStamp: number;
  /** Where in the file the parent's time stamp is. */
  readonly timeStampOffset: number;
  /** Paths and names as the file carries them, the most trusted first. */
  readonly names: readonly string[];
}

/** What a chain has to know of an image: told also of a damaged one, as far as it can be. */
export interface ImageSummary {
  readonly type: Layer['type'];
  readonly id: string | undefined;
  /** Virtual size in bytes; `undefined` where it makes no sense. */
  readonly size: number | undefined;
  readonly timeStamp: number;
  readonly parent: ParentReference | undefined;
}

/** One image file: what a format has to offer so that a chain can be made of it. */
export interface Image {
  readonly layer: Layer;
  /** The footer of a fixed VHD with this image's identity and size. */
  readonly footer: Uint8Array;
  /**
   * Reads what it takes to tell the segments of `[offset, end)`, within the image's size. The view may end before that: at
   * once no more is read than a small amount of memory holds. What is hidden need not be read, and must not be asked for;
   * `isHidden` is called with ascending stretches.
   */
  load(offset: number, end: number, isHidden: IsHidden): Promise<View>;
  /** Fills `into` from the file, at a position that a `data` segment named. */
  readAt(position: number, into: Uint8Array): Promise<void>;
  /** The file as it was before anything of it was read. */
  readonly openedFile: SourceFile;
  /** The file as it is now; its structures are read again. */
  sourceFile(): Promise<SourceFile>;
  /** Like `sourceFile`, without the structures: nothing of the file is read. */
  fileState(): Promise<FileState>;
  /** Drops all cached content of the file, so that it is read again when needed; keeps the structures. */
  dropCache(): void;
  close(): Promise<void>;
}

/** One file after all its checks. */
export interface Inspection {
  readonly path: string;
  /** Tells whether two paths lead to one file; `undefined` where it could not be opened. */
  readonly fileIdentity: string | undefined;
  readonly findings: Findings;
  /** `undefined` where the file is no image at all. */
  readonly summary: ImageSummary | undefined;
  /** There exactly when the findings hold no error; whoever takes it closes it. */
  readonly image: Image | undefined;
}

/**
 * Reads and checks all structures of a file, reporting to `findings`. Throws only where it cannot be read.
 * An image that is returned owns the handle.
 */
export type ImageReader = (
  file: SourceHandle,
  options: ReadOptions,
  findings: Findings,
) => Promise<Pick<Inspection, 'summary' | 'image'>>;

/** Choices that hold for every file of a chain. */
export interface ImageOptions {
  /** Accept structures whose checksum is wrong; said as a warning. */
  readonly ignoreChecksum?: boolean;
}

/** What is needed to read a file of a chain. */
export interface ReadOptions extends ImageOptions {
  /** Shared by the files of the chain. */
  readonly memory: MemoryBudget;
}
