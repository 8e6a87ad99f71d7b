import { createHash } from 'node:crypto';
import type { FileTimes, SourceHandle } from '../file.js';
import { Findings } from '../findings.js';
import type { Image, ImageOptions, ImageReader, IsHidden, View } from '../image.js';
import type { FileState, Layer, SourceFile } from '../disk.js';
import { bitmapLength } from './bitmap.js';
import { Bitmaps } from './bitmaps.js';
import { creatorName, findFooter, fixedFooter } from './footer.js';
import { HEADER_LENGTH, SECTOR } from './layout.js';
import { readStructure, type Structure } from './structure.js';
import { SparseView } from './view.js';

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
  readonly #bitmaps: Bitmaps;

  constructor(file: SourceHandle, opened: FileTimes, options: ImageOptions, structure: Structure, findings: Findings) {
    this.#file = file;
    this.#options = options;
    this.#structure = structure;
    this.#bitmaps = new Bitmaps(file, bitmapLength(structure.sparse?.header.blockSize ?? SECTOR));
    this.layer = layerOf(file.path, structure, findings);
    this.footer = fixedFooter(structure.footer);
    // What is read is the file that was opened, whatever the path leads to meanwhile.
    this.openedFile = { ...stateOf(file.path, { ...opened, identity: file.identity }), structure: structure.digest };
  }

  async load(offset: number, end: number, isHidden: IsHidden): Promise<View> {
    const { sparse } = this.#structure;
    if (!sparse) return { end, segmentAt: (at) => ({ offset: at, length: end - at, kind: 'data', position: at }) };
    const {
      header: { blockSize },
    } = sparse;
    const firstBlock = Math.floor(offset / blockSize);
    const bat = await sparse.bat.from(firstBlock);
    let reached = Math.min(end, bat.end * blockSize);
    if (this.layer.type !== 'differencing') return new SparseView({ bat, blockSize, end: reached });
    const positions = new Map<number, number>();
    const blockEnd = Math.ceil(reached / blockSize);
    for (
      let blockIndex = bat.nextAllocated(firstBlock, blockEnd);
      blockIndex < blockEnd;
      blockIndex = bat.nextAllocated(blockIndex + 1, blockEnd)
    ) {
      const start = blockIndex * blockSize;
      const position = bat.position(blockIndex);
      if (position === undefined || isHidden(Math.max(offset, start), Math.min(reached, start + blockSize))) continue;
      if (positions.size === this.#bitmaps.most) {
        reached = start;
        break;
      }
      positions.set(blockIndex, position);
    }
    return new SparseView({ bat, blockSize, end: reached, bitmaps: await this.#bitmaps.load(positions) });
  }

  readAt(position: number, into: Uint8Array): Promise<void> {
    return this.#file.read(position, into);
  }

  /** The times first: what is written while the structures are read changes them. */
  async sourceFile(): Promise<SourceFile> {
    const state = await this.fileState();
    const findings = new Findings(this.#file.path);
    const found = await findFooter(this.#file, this.#options, findings);
    findings.refuse();
    const hash = createHash('sha256').update(found?.footer.bytes ?? '');
    const { sparse } = this.#structure;
    if (sparse) {
      const header = new Uint8Array(HEADER_LENGTH);
      await this.#file.read(sparse.header.offset, header);
      hash.update(header);
      await sparse.bat.readAgain(hash);
    }
    return { ...state, structure: hash.digest('hex') };
  }

  async fileState(): Promise<FileState> {
    return stateOf(this.#file.path, await this.#file.statPath());
  }

  dropCache(): void {
    this.#bitmaps.drop();
  }

  close(): Promise<void> {
    this.#structure.sparse?.bat.release();
    return this.#file.close();
  }
}

function stateOf(path: string, { identity, size, mtimeNs, ctimeNs }: FileTimes): FileState {
  return { path, fileId: identity, size, mtimeNs, ctimeNs, seenMs: Date.now() };
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
