import { createHash } from 'node:crypto';
import type { FileTimes, SourceHandle } from '../file.js';
import { Findings } from '../findings.js';
import type { Image, ImageOptions, ImageReader, Segment } from '../image.js';
import type { Layer, SourceFile } from '../disk.js';
import { bitmapLength, bitmapRuns } from './bitmap.js';
import { creatorName, findFooter, fixedFooter, type Footer } from './footer.js';
import { SECTOR } from './layout.js';
import { readStructure, type Structure } from './structure.js';

/** Bitmaps kept in memory for one image. */
const BITMAP_CACHE_BYTES = 4 * 1024 * 1024;

/** Reads a VHD file: fixed, dynamic or differencing. */
export const readVhd: ImageReader = async (file, options, findings) => {
  const opened = await file.statPath();
  const { summary, structure } = await readStructure(file, options, findings);
  return { summary, image: structure && new VhdImage(file, opened, options, structure, findings) };
};

/** One VHD file whose structures hold no error. */
class VhdImage implements Image {
  readonly layer: Layer;
  readonly footer: Uint8Array;
  readonly openedFile: SourceFile;
  readonly #file: SourceHandle;
  readonly #options: ImageOptions;
  readonly #structure: Structure;
  readonly #bitmaps = new Map<number, Uint8Array>();

  constructor(file: SourceHandle, opened: FileTimes, options: ImageOptions, structure: Structure, findings: Findings) {
    this.#file = file;
    this.#options = options;
    this.#structure = structure;
    this.layer = layerOf(file.path, structure, findings);
    this.footer = fixedFooter(structure.footer);
    // What is read is the file that was opened, whatever the path leads to meanwhile.
    this.openedFile = this.#describe({ ...opened, identity: file.identity }, structure.footer);
  }

  async segments(offset: number, length: number): Promise<Segment[]> {
    const { sparse } = this.#structure;
    if (!sparse) return [{ offset, length, kind: 'data', position: offset }];
    const { header: { blockSize }, bat } = sparse;
    const prefix = bitmapLength(blockSize);
    const isDifferencing = this.layer.type === 'differencing';
    const unallocated = isDifferencing ? 'absent' : 'zero';
    const segments: Segment[] = [];
    for (let at = offset; at < offset + length;) {
      const blockIndex = Math.floor(at / blockSize);
      const blockStart = blockIndex * blockSize;
      const end = Math.min(offset + length, blockStart + blockSize);
      const position = bat.position(blockIndex);
      if (position === undefined) {
        append(segments, { offset: at, length: end - at, kind: unallocated, position: 0 });
      } else if (!isDifferencing) {
        segments.push({ offset: at, length: end - at, kind: 'data', position: position + prefix + at - blockStart });
      } else {
        const bitmap = await this.#bitmap(blockIndex, position, prefix);
        const firstSector = Math.floor((at - blockStart) / SECTOR);
        for (const run of bitmapRuns(bitmap, firstSector, Math.ceil((end - blockStart) / SECTOR))) {
          const from = Math.max(at, blockStart + run.sectorIndex * SECTOR);
          const to = Math.min(end, blockStart + (run.sectorIndex + run.sectorCount) * SECTOR);
          append(segments, { offset: from, length: to - from, kind: run.present ? 'data' : 'absent', position: run.present ? position + prefix + from - blockStart : 0 });
        }
      }
      at = end;
    }
    return segments;
  }

  readAt(position: number, into: Uint8Array): Promise<void> {
    return this.#file.read(position, into);
  }

  /** Reads the footer anew; header and BAT are those that the disk was opened with. */
  async sourceFile(): Promise<SourceFile> {
    const times = await this.#file.statPath();
    const findings = new Findings(this.#file.path);
    const found = await findFooter(this.#file, this.#options, findings);
    findings.refuse();
    return this.#describe(times, found?.footer ?? this.#structure.footer);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #describe({ identity, size, mtimeNs, ctimeNs }: FileTimes, footer: Footer): SourceFile {
    const hash = createHash('sha256').update(footer.bytes);
    const { sparse } = this.#structure;
    if (sparse) hash.update(sparse.header.bytes).update(sparse.bat.bytes());
    return { path: this.#file.path, fileId: identity, size, mtimeNs, ctimeNs, structure: hash.digest('hex') };
  }

  async #bitmap(blockIndex: number, position: number, length: number): Promise<Uint8Array> {
    const cached = this.#bitmaps.get(blockIndex);
    if (cached) return cached;
    const bitmap = new Uint8Array(length);
    await this.#file.read(position, bitmap);
    const oldest = this.#bitmaps.keys().next();
    if (!oldest.done && (this.#bitmaps.size + 1) * length > BITMAP_CACHE_BYTES) this.#bitmaps.delete(oldest.value);
    this.#bitmaps.set(blockIndex, bitmap);
    return bitmap;
  }
}

function append(segments: Segment[], next: Segment): void {
  const last = segments.at(-1);
  if (last?.kind === next.kind && next.kind !== 'data') {
    segments[segments.length - 1] = { ...last, length: last.length + next.length };
  } else {
    segments.push(next);
  }
}

function layerOf(path: string, { footer, type, size, sparse }: Structure, { warnings }: Findings): Layer {
  return {
    path,
    format: 'vhd',
    type,
    id: footer.uniqueId,
    parentId: type === 'differencing' ? sparse?.header.parentId : undefined,
    size,
    allocated: sparse ? Math.min(size, sparse.bat.allocatedBlocks * sparse.header.blockSize) : size,
    blockSize: sparse?.header.blockSize,
    creator: creatorName(footer),
    warnings: warnings.map(({ problem }) => problem),
  };
}
