import type { Layer, SourceFile } from './disk.js';

/** What one image, on its own, says about a stretch of the disk. `absent` means: ask the parent. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
  readonly kind: 'data' | 'zero' | 'absent';
  /** For `data`: where in the file the bytes are. */
  readonly position: number;
}

/** How an image names its parent. */
export interface ParentReference {
  readonly id: string | undefined;
  /** Seconds since 2000-01-01 UTC: the parent's time stamp as the child remembers it. */
  readonly timeStamp: number;
  /** Paths and names as the file carries them, the most trusted first. */
  readonly names: readonly string[];
}

/** One image file: what a format has to offer so that a chain can be made of it. */
export interface Image {
  readonly layer: Layer;
  /** Tells whether two paths lead to one file. */
  readonly fileIdentity: string;
  readonly timeStamp: number;
  readonly parent: ParentReference | undefined;
  /** The footer of a fixed VHD with this image's identity and size. */
  readonly footer: Uint8Array;
  /** The segments of `[offset, offset + length)`, in order and without gaps, within the image's size. */
  segments(offset: number, length: number): Promise<Segment[]>;
  /** Fills `into` from the file, at a position that a `data` segment named. */
  readAt(position: number, into: Uint8Array): Promise<void>;
  /** The file as it was before anything of it was read. */
  readonly openedFile: SourceFile;
  /** The file as it is now. */
  sourceFile(): Promise<SourceFile>;
  close(): Promise<void>;
}

/** Choices that hold for every file of a chain. */
export interface ImageOptions {
  /** Accept structures whose checksum is wrong; said as a warning. */
  readonly ignoreChecksum?: boolean;
}
