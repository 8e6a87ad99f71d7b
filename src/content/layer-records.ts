import { createHash } from 'node:crypto';
import type { Disk, SourceFile } from '../disk/disk.js';
import { TreeHasher } from '../digest/tree.js';
import type { DigestCache } from '../state/digest-cache.js';
import type { LeafFile } from '../state/leaf-file.js';
import type { BlobForm, Digests } from './digest-computation.js';
import type { LeafRun } from '../digest/tree.js';
import { LeafCacheWriter } from './leaf-cache-writer.js';

/** The leaves of a layer, from the cache. */
export interface CachedLeaves {
  /** 0 is the top layer of the disk. */
  readonly layer: number;
  readonly file: LeafFile;
}

/**
 * The records of this machine about a disk as one of its layers shows it. Without a cache, nothing is found or kept.
 */
export class LayerRecords {
  /** The disk as the layer shows it. */
  readonly content: Disk;
  readonly layer: number;
  readonly #disk: Disk;
  readonly #cache: DigestCache | undefined;
  readonly #identity: string;
  /** False if a file changed so recently that a later change might leave the same times. */
  readonly #mayKeep: boolean;

  constructor(disk: Disk, layer: number, cache: DigestCache | undefined) {
    this.content = disk.ancestor(layer);
    const files = this.content.openedFiles;
    this.layer = layer;
    this.#disk = disk;
    this.#cache = cache;
    this.#identity = identityOf(files, this.content.size);
    this.#mayKeep = cache?.canRemember(files) ?? false;
  }

  /** Returns the MD5 of the layer in this form of a blob, if it is in the cache. */
  async md5(form: BlobForm): Promise<Buffer | undefined> {
    return this.#cache?.readMd5(this.#md5Key(form));
  }

  /**
   * Returns the leaves of this layer or else of its nearest ancestor, checked. Damaged ones are deleted. Close the file
   * in the end.
   */
  async nearestLeaves(): Promise<CachedLeaves | undefined> {
    for (let at = this.layer; this.#cache && at < this.#disk.layers.length; at++) {
      const content = this.#disk.ancestor(at);
      const key = identityOf(content.openedFiles, content.size);
      const file = await this.#cache.openLeaves(key);
      if (!file) continue;
      if (await hasDigest(file.runs(), content.size, file.digest)) return { layer: at, file };
      await file.close();
      await this.#cache.deleteLeaves(key);
    }
    return undefined;
  }

  /** Returns a writer for the leaves of this layer. It writes nothing if they are not `wanted`, or may not be kept. */
  startLeaves(wanted: boolean): LeafCacheWriter {
    return new LeafCacheWriter(wanted && this.#mayKeep ? this.#cache : undefined);
  }

  /** Keeps digests and leaves, unless the files of the disk have changed since they were opened. */
  async keep({ md5, tree }: Digests, form: BlobForm | undefined, leaves: LeafCacheWriter): Promise<void> {
    if (!this.#cache || !this.#mayKeep || !(await this.#isUnchanged())) return;
    if (md5 && form) await this.#cache.writeMd5(this.#md5Key(form), md5);
    if (tree) await leaves.commit(this.#identity, tree);
    await this.#cache.trim();
  }

  #md5Key(form: BlobForm): string {
    return `${this.#identity}\n${formKey(form)}`;
  }

  async #isUnchanged(): Promise<boolean> {
    const now = await this.#disk.sourceFiles().catch(() => undefined);
    // The files of an ancestor are the last ones.
    const files = now?.slice(now.length - this.content.openedFiles.length);
    return files !== undefined && identityOf(files, this.content.size) === this.#identity;
  }
}

/** Returns a text that is the same only for the same form. */
export function formKey({ padding, footer }: BlobForm): string {
  return `${padding} ${createHash('sha256').update(footer).digest('hex')}`;
}

/** Returns true if leaves of a disk of `size` bytes give a tree digest. False too if they cannot be read. */
export async function hasDigest(runs: AsyncIterable<LeafRun>, size: number, digest: Uint8Array): Promise<boolean> {
  const tree = new TreeHasher(size);
  try {
    for await (const { index, values } of runs) tree.add(index, values);
    return tree.digest().equals(digest);
  } catch {
    return false;
  }
}

/** Returns a text that is the same, on this machine, only for the same content of a chain. `size`: that of the disk, in bytes. */
function identityOf(files: readonly SourceFile[], size: number): string {
  return [
    `vhdup digest 2 ${size}`,
    ...files.map(
      ({ fileId, size, mtimeNs, ctimeNs, structure }) => `${fileId} ${size} ${mtimeNs} ${ctimeNs} ${structure}`,
    ),
  ].join('\n');
}
