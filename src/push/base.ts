import { isDerivedId } from '../disk/derived-id.js';
import type { Disk } from '../disk/disk.js';
import type { LeafSource } from '../content/digest-computation.js';
import { FOOTER_LENGTH, type FixedTail } from '../protocol/fixed-vhd.js';
import { recordedTree, type BaseCheck } from '../protocol/push-record.js';
import { mismatch, type BaseBlob, type BaseMismatch } from './base-blob.js';
import type { BaseCheckMode } from './options.js';
import { option } from '../option-names.js';

/** A blob that equals an ancestor by what its footer says. `checkBase` compares its content. */
export interface AncestorBase extends BaseBlob {
  readonly id: string;
  /** Index of the ancestor in the disk's layers; 0 is the disk itself. */
  readonly layer: number;
  /** What has to prove that it is that layer. */
  readonly check: Exclude<BaseCheck, 'leaves'>;
}

/** A blob that the disk is compared with leaf by leaf. It may be no ancestor. */
export interface LeavesBase extends BaseBlob {
  /** As its footer has it; `undefined` if it has none. */
  readonly id: string | undefined;
  readonly check: 'leaves';
  /** The leaves of the blob, up to its footer. What they come from has proved them. */
  readonly leaves: LeafSource;
}

/** The blob that a push copies. */
export type Base = AncestorBase | LeavesBase;

/** Returns the ancestor that a blob has the id and the size of. Returns an error, `base-mismatch`, if there is none. */
export function ancestorBase(
  base: BaseBlob,
  disk: Pick<Disk, 'layers' | 'ancestor'>,
  check: BaseCheckMode,
): AncestorBase | BaseMismatch {
  const { blob, properties, verdict, tail } = base;
  const { id } = tail;
  if (id === undefined)
    return mismatch(
      blob,
      'its unique id is all zeros, which identifies nothing',
      `push without ${option('base')} to send everything`,
    );
  const layer = disk.layers.findIndex((candidate) => candidate.id === id);
  if (layer < 0 && disk.layers.length === 1)
    return mismatch(
      blob,
      `its unique id ${id} is not that of the disk, ${disk.layers[0]?.id ?? 'which has none'}; the disk has no parent either: ${disk.layers[0]?.path ?? ''} is not a differencing disk`,
      `a base is the blob of the disk itself or of a parent of it; push without ${option('base')} to send everything`,
    );
  if (layer < 0) {
    const known = disk.layers.map((candidate) => `  ${candidate.id ?? 'no id'}  ${candidate.path}`).join('\n');
    return mismatch(
      blob,
      `its unique id ${id} is not in the chain:\n${known}`,
      `name the blob of an ancestor of this disk, or push without ${option('base')} to send everything`,
    );
  }
  if (check === 'id' && isDerivedId(id))
    return mismatch(
      blob,
      `the id ${id} of the local disk was derived from parts of its content, which proves nothing`,
      `run the same command without ${option('baseCheck', 'id')}: the content is compared`,
    );
  const size = disk.ancestor(layer).size;
  const content = properties.size - FOOTER_LENGTH;
  if (content < size || (tail.size !== size && tail.size !== content)) {
    return mismatch(
      blob,
      `its size does not fit: ${content} bytes and a footer for ${tail.size}; the local ancestor has ${size}`,
      isUnaligned(disk.ancestor(layer), tail)
        ? `it was pushed without ${option('align')}: leave it out here too, or push the ancestor again with it`
        : `push without ${option('base')} to send everything`,
    );
  }
  const hasTree = content === size && recordedTree(verdict.record, properties.contentMd5) !== undefined;
  return { ...base, id, layer, check: check === 'content' ? (hasTree ? 'tree' : 'md5') : check };
}

/** Returns true if the size of a blob's disk is that of the ancestor before it was rounded up. */
function isUnaligned({ size, layers }: Disk, tail: FixedTail): boolean {
  return tail.size === layers[0]?.size && tail.size < size;
}
