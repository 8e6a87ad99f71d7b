import { createHash } from 'node:crypto';
import { SourceHandle, type FileTimes } from '../file.js';
import type { Image, ImageOptions, ParentReference, Segment } from '../image.js';
import type { Layer, SourceFile } from '../disk.js';
import { Bat } from './bat.js';
import { bitmapLength, bitmapRuns } from './bitmap.js';
import { creatorName, cylinderSize, findFooter, fixedFooter, geometrySize, type Footer, type FoundFooter } from './footer.js';
import { readHeader, type Header } from './header.js';
import { hex, invalid } from './invalid.js';
import { DISK_TYPE, FOOTER, MAX_SPARSE_SIZE, SECTOR } from './layout.js';
import { readLocators } from './locator.js';

/** Bitmaps kept in memory for one image. */
const BITMAP_CACHE_BYTES = 4 * 1024 * 1024;

/** The parts that only sparse disks have. */
interface Sparse {
  readonly header: Header;
  readonly bat: Bat;
}

/** One VHD file: fixed, dynamic or differencing. */
export class VhdImage implements Image {
  readonly layer: Layer;
  readonly fileIdentity: string;
  readonly timeStamp: number;
  readonly parent: ParentReference | undefined;
  readonly footer: Uint8Array;
  readonly openedFile: SourceFile;
  readonly #file: SourceHandle;
  readonly #options: ImageOptions;
  readonly #sparse: Sparse | undefined;
  readonly #bitmaps = new Map<number, Uint8Array>();

  private constructor(file: SourceHandle, opened: FileTimes, options: ImageOptions, layer: Layer, footer: Footer, sparse: Sparse | undefined, parent: ParentReference | undefined) {
    this.#file = file;
    this.#options = options;
    this.#sparse = sparse;
    this.layer = layer;
    this.parent = parent;
    this.fileIdentity = file.identity;
    this.timeStamp = footer.timeStamp;
    this.footer = fixedFooter(footer);
    this.openedFile = this.#describe(opened, footer);
  }

  /** Reads and checks all structures of the file. Takes over the handle, also when it throws. */
  static async open(file: SourceHandle, options: ImageOptions = {}): Promise<VhdImage> {
    try {
      const opened = await file.statPath();
      const found = await findFooter(file, options);
      const { footer, dataEnd } = found;
      const size = checkedSize(file.path, found);
      if (footer.diskType === DISK_TYPE.fixed) {
        return new VhdImage(file, opened, options, layerOf(file.path, found, size, undefined), footer, undefined, undefined);
      }
      const header = await readHeader(file, footer, dataEnd, options);
      const bat = await Bat.read(file, header, size, dataEnd);
      const layer = layerOf(file.path, found, size, { header, bat });
      const parent = footer.diskType === DISK_TYPE.differencing ? await parentOf(file, header, dataEnd) : undefined;
      return new VhdImage(file, opened, options, layer, footer, { header, bat }, parent);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async segments(offset: number, length: number): Promise<Segment[]> {
    if (!this.#sparse) return [{ offset, length, kind: 'data', position: offset }];
    const { header: { blockSize }, bat } = this.#sparse;
    const prefix = bitmapLength(blockSize);
    const unallocated = this.parent ? 'absent' : 'zero';
    const segments: Segment[] = [];
    for (let at = offset; at < offset + length;) {
      const blockIndex = Math.floor(at / blockSize);
      const blockStart = blockIndex * blockSize;
      const end = Math.min(offset + length, blockStart + blockSize);
      const position = bat.position(blockIndex);
      if (position === undefined) {
        append(segments, { offset: at, length: end - at, kind: unallocated, position: 0 });
      } else if (!this.parent) {
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
    return this.#describe(times, (await findFooter(this.#file, this.#options)).footer);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #describe(times: FileTimes, footer: Footer): SourceFile {
    const hash = createHash('sha256').update(footer.bytes);
    if (this.#sparse) hash.update(this.#sparse.header.bytes).update(this.#sparse.bat.bytes());
    return { path: this.#file.path, ...times, structure: hash.digest('hex') };
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

/** The virtual size: the current size, once it is one that the file can hold. CHS never counts. */
function checkedSize(path: string, { footer, dataEnd }: FoundFooter): number {
  const { currentSize, diskType } = footer;
  const refuse = (problem: string) => invalid(path, FOOTER.currentSize[0], 'footer current size', problem);
  if (diskType !== DISK_TYPE.fixed && diskType !== DISK_TYPE.dynamic && diskType !== DISK_TYPE.differencing) {
    throw invalid(path, FOOTER.diskType[0], 'footer disk type', `${hex(diskType)} is not fixed (2), dynamic (3) or differencing (4)`);
  }
  if (currentSize === 0n) throw refuse('is 0');
  if (currentSize % BigInt(SECTOR) !== 0n) throw refuse(`${currentSize} is not a multiple of ${SECTOR}`);
  if (diskType === DISK_TYPE.fixed && currentSize > BigInt(dataEnd)) throw refuse(`${currentSize} is larger than the data of the file, ${dataEnd} bytes`);
  if (diskType !== DISK_TYPE.fixed && currentSize > MAX_SPARSE_SIZE) throw refuse(`${currentSize} is above the limit of sparse disks, 2,040 GiB`);
  return Number(currentSize);
}

function layerOf(path: string, found: FoundFooter, size: number, sparse: Sparse | undefined): Layer {
  const { footer, dataEnd } = found;
  const warnings = [...found.warnings, ...(sparse?.header.warnings ?? [])];
  if (footer.savedState) warnings.push('the disk belongs to a virtual machine in a saved state');
  if (footer.uniqueId === undefined) warnings.push('the unique id is all zeros');
  const chs = geometrySize(footer);
  if (Math.abs(chs - size) >= cylinderSize(footer) && footer.geometry.cylinders < 65535) warnings.push(`the CHS geometry gives ${chs} bytes; the current size, ${size}, is what counts`);
  if (!sparse && dataEnd !== size) warnings.push(`the file holds ${dataEnd - size} bytes behind the disk's ${size}; they are no part of it`);
  const type = footer.diskType === DISK_TYPE.fixed ? 'fixed' : footer.diskType === DISK_TYPE.dynamic ? 'dynamic' : 'differencing';
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
    warnings,
  };
}

async function parentOf(file: SourceHandle, header: Header, dataEnd: number): Promise<ParentReference> {
  const locators = await readLocators(file, header, dataEnd);
  const names = [...locators.map(({ path }) => path), ...(header.parentName === '' ? [] : [header.parentName])];
  if (names.length === 0) {
    throw invalid(file.path, header.offset + 576, 'parent locator entries', 'a differencing disk without a usable locator or parent name');
  }
  return { id: header.parentId, timeStamp: header.parentTimeStamp, names: [...new Set(names)] };
}
