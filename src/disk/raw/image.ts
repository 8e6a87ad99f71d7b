import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { SECTOR } from '../../bytes/sector.js';
import { derivedId } from '../derived-id.js';
import type { Creation, FileState, Layer, SourceFile } from '../disk.js';
import type { FileTimes, SourceHandle } from '../file.js';
import { readEnds, type FileEnds } from '../file-ends.js';
import { currentState, openedState } from '../file-state.js';
import type { Findings } from '../findings.js';
import { FlatMap } from '../flat-map.js';
import { foreignFormat } from '../foreign-format.js';
import type { AllocationMap, Image, ImageFormat, OpenContext, OpenedImage } from '../image.js';
import { isLikeFixedVhd } from '../vhd/like-fixed-vhd.js';
import { recogniseContent } from './content.js';

/** Bytes at each end of the file that the id and the structure digest are derived from. */
const SAMPLE_BYTES = 1024 * 1024;
/**
 * A file with such a name, and without the structures of that format, is a damaged image, not the content of a disk. What downloads
 * and backups append (`.part`, ` (1)`, `.bak`) may come behind it.
 */
const OTHER_NAME = /\.(a?vhdx?|vhds|qcow2?|qed|vmdk|vdi|hdd|dmg|ova)(?![a-z0-9])/i;
/** The file of a pull that is not finished: parts of it are holes. */
const UNFINISHED_PULL = /\.vhdup-part-/;

/** The format raw: the file is the content of the disk, byte for byte. */
export const raw = {
  name: 'raw',

  /**
   * A raw disk has no mark of its own: it is recognised by a partition table or a file system, if nothing says that it is something
   * else, or only a part of a disk.
   */
  probe(ends: FileEnds): boolean {
    const { path, head, tail, size } = ends;
    const contents = recogniseContent(head);
    return (
      contents.length > 0 &&
      contents.every(({ end }) => end === undefined || end <= size) &&
      foreignFormat(head, tail) === undefined &&
      !hasOtherName(path) &&
      !isLikeFixedVhd(ends)
    );
  },

  async open(file: SourceHandle, { findings }: OpenContext): Promise<OpenedImage> {
    const opened = await file.statPath();
    if (file.size === 0 || UNFINISHED_PULL.test(basename(file.path))) {
      findings.error(
        undefined,
        undefined,
        file.size === 0 ? 'the file is empty' : 'it is the file of an unfinished pull',
      );
      return { summary: undefined, image: undefined };
    }
    const size = Math.ceil(file.size / SECTOR) * SECTOR;
    const fileEnds = await readEnds(file);
    warnOfContent(fileEnds, size, findings);
    const sectorSize = sectorSizeIn(fileEnds.head);
    const ends = await readSamples(file);
    const id = derivedId({ format: raw.name, token: ends, size });
    return {
      summary: { path: file.path, type: 'fixed', id, size, stamp: undefined, sectorSize, parent: undefined },
      image: new RawImage(file, {
        opened,
        structure: digestOf(ends),
        layer: layerOf(file, { id, size, sectorSize, findings }),
      }),
    };
  },
} as const satisfies ImageFormat;

/** Returns true if the name of a file is that of another format's image. */
export function hasOtherName(path: string): boolean {
  return OTHER_NAME.test(basename(path));
}

/** A raw image that was checked. */
interface CheckedRaw {
  /** The times of the file before anything of it was read. */
  readonly opened: FileTimes;
  readonly structure: string;
  readonly layer: Layer;
}

/** One raw file. Its size need not be a multiple of 512: the last sector then ends with zeros. */
class RawImage implements Image {
  readonly layer: Layer;
  readonly creation: Creation = { format: raw.name, record: undefined };
  readonly openedFiles: readonly SourceFile[];
  readonly #file: SourceHandle;

  constructor(file: SourceHandle, { opened, structure, layer }: CheckedRaw) {
    this.#file = file;
    this.layer = layer;
    this.openedFiles = [{ ...openedState(file, opened), structure }];
  }

  load(_: number, end: number): Promise<AllocationMap> {
    return Promise.resolve(new FlatMap(this.#file, end, this.#file.size));
  }

  /** Reads the times first: a write while the samples are read changes them. */
  async currentFiles(): Promise<readonly SourceFile[]> {
    const state = await currentState(this.#file);
    return [{ ...state, structure: digestOf(await readSamples(this.#file)) }];
  }

  async fileStates(): Promise<readonly FileState[]> {
    return [await currentState(this.#file)];
  }

  dropCache(): void {
    // Nothing of the file is kept.
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Reads what identifies the state of the file, as far as that can be had without reading all of it: its size, its first and its last MiB. */
async function readSamples(file: SourceHandle): Promise<Uint8Array[]> {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(file.size));
  const length = Math.min(file.size, SAMPLE_BYTES);
  const first = new Uint8Array(length);
  const last = new Uint8Array(length);
  await file.read(0, first);
  await file.read(file.size - length, last);
  return [size, first, last];
}

function digestOf(samples: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const bytes of samples) hash.update(bytes);
  return hash.digest('hex');
}

/** Returns the bytes of a sector that the partition table is made for; 512 without one that says it. */
function sectorSizeIn(head: Uint8Array): number {
  return recogniseContent(head).find(({ sectorSize }) => sectorSize !== undefined)?.sectorSize ?? SECTOR;
}

function warnOfContent({ size: fileSize, head, tail }: FileEnds, size: number, findings: Findings): void {
  if (fileSize !== size)
    findings.warning(
      fileSize,
      'data',
      `the size of ${fileSize} bytes is not a multiple of ${SECTOR}: the last sector is filled up with zeros`,
      { code: 'partial-sector' },
    );
  const contents = recogniseContent(head);
  if (foreignFormat(head, tail) || hasFooter(head, tail))
    findings.warning(
      undefined,
      undefined,
      'it looks like an image of another format; it is read as raw, as requested',
      {
        code: 'looks-like-image',
      },
    );
  else if (contents.length === 0)
    findings.warning(
      undefined,
      undefined,
      'it has no partition table and no known file system; it is read as raw, as requested',
      { code: 'unknown-content' },
    );
  for (const { name, end, sectorSize } of contents) {
    if (end !== undefined && end > size)
      findings.warning(
        undefined,
        undefined,
        `its ${name} says that the disk has at least ${end} bytes, the file has ${fileSize}: it may be cut short`,
        { code: 'cut-short' },
      );
    if (sectorSize !== undefined && sectorSize !== SECTOR)
      findings.warning(
        sectorSize,
        name,
        `the partition table is for sectors of ${sectorSize} bytes: a machine with sectors of ${SECTOR} bytes does not find the partitions`,
        { code: 'sector-size' },
      );
  }
}

/** Returns true if the file begins or ends as a VHD does. */
function hasFooter(head: Uint8Array, tail: Uint8Array): boolean {
  return [head, tail, tail.subarray(1)].some(
    (bytes) => Buffer.from(bytes.subarray(0, 8)).toString('latin1') === 'conectix',
  );
}

function layerOf(
  { path }: SourceHandle,
  {
    id,
    size,
    sectorSize,
    findings,
  }: { readonly id: string; readonly size: number; readonly sectorSize: number; readonly findings: Findings },
): Layer {
  return {
    path,
    format: raw.name,
    type: 'fixed',
    id,
    isIdDerived: true,
    parentId: undefined,
    size,
    allocated: size,
    blockSize: undefined,
    sectorSize,
    creator: '',
    details: [],
    warnings: findings.warnings,
  };
}
