import { createHash } from 'node:crypto';
import type { Disk, SourceFile } from '../disk/disk.js';
import { TreeHasher } from '../digest/tree.js';
import { RangeMerger, rangeSet, type Range, type RangeSet } from '../bytes/range.js';
import type { DigestCache } from '../state/digest-cache.js';
import type { LeafFile } from '../state/leaf-file.js';
import {
  WINDOWS,
  digestsOf,
  passOverAll,
  startDigestPass,
  type DigestPass,
  type DigestWish,
  type Digests,
} from './digest-pass.js';
import type { Phase } from '../session/events.js';
import { LeafKeeper } from './leaf-cache-writer.js';
import type { BlobForm } from './md5-consumer.js';
import type { Session } from '../session/session.js';
import { KnownLeavesLost, type LeafRun } from './tree-consumer.js';

/**
 * The digests of a disk and of its ancestors. Those of files that are as they were when this machine computed them come
 * from its records; of a disk whose ancestor is known only what changed is read for the tree digest.
 */
export class DiskDigests {
  readonly #session: Session;
  readonly #disk: Disk;
  readonly #cache: DigestCache | undefined;
  readonly #known = new Map<string, Promise<Digests>>();

  /** Without a cache nothing is looked up or kept. */
  constructor(session: Session, disk: Disk, cache: DigestCache | undefined) {
    this.#session = session;
    this.#disk = disk;
    this.#cache = cache;
  }

  /** Digests of the disk as layer `layer` saw it; computed at most once. */
  of(layer: number, wish: DigestWish, phase: Phase): Promise<Digests> {
    const key = `${layer} ${wish.tree === true} ${wish.md5 ? formText(wish.md5) : ''}`;
    let digests = this.#known.get(key);
    if (!digests) {
      digests = this.#compute(layer, wish, phase);
      this.#known.set(key, digests);
    }
    return digests;
  }

  async #compute(layer: number, wish: DigestWish, phase: Phase): Promise<Digests> {
    const pass = await this.pass(layer, wish, phase, false);
    return passOverAll(this.#session, this.#disk.ancestor(layer), pass, WINDOWS);
  }

  /** Readies the computation for somebody who reads the disk as layer `layer` saw it; `isSent`: and sends most of it. */
  async pass(layer: number, wish: DigestWish, phase: Phase, isSent: boolean): Promise<DigestPass> {
    const disk = this.#disk.ancestor(layer);
    const files = this.#disk.openedFiles.slice(layer);
    const identity = identityOf(files);
    const md5Key = wish.md5 && `${identity}\n${formText(wish.md5)}`;
    const leaves = wish.tree === true ? await this.#nearestLeaves(layer) : undefined;
    const found: Digests = {
      md5: md5Key === undefined ? undefined : await this.#cache?.readMd5(md5Key),
      tree: leaves?.layer === layer ? leaves.file.digest : undefined,
    };
    const missing: DigestWish = { md5: found.md5 ? undefined : wish.md5, tree: wish.tree === true && !found.tree };
    if (!missing.md5 && missing.tree !== true) {
      await leaves?.file.close();
      return { consumers: [], finish: () => Promise.resolve(found), close: () => Promise.resolve() };
    }

    const mayKeep = this.#cache?.canRemember(files) ?? false;
    const keeper = new LeafKeeper(missing.tree === true && mayKeep ? this.#cache : undefined);
    let pass: DigestPass;
    try {
      const known = leaves && { runs: leaves.file.runs(), changed: await changedAbove(disk, leaves.layer - layer) };
      pass = await startDigestPass(this.#session, disk, missing, phase, {
        isSent,
        known,
        keep: (run) => keeper.add(run),
      });
    } catch (error) {
      await leaves?.file.close();
      await keeper.discard();
      throw error;
    }
    return {
      consumers: pass.consumers,
      finish: async () => {
        const { md5, tree } = await pass.finish().catch(async (error: unknown) => {
          if (!(error instanceof KnownLeavesLost)) throw error;
          await keeper.discard();
          return digestsOf(this.#session, disk, missing, phase);
        });
        if (this.#cache && mayKeep && (await this.#isStill(layer, identity))) {
          if (md5 && md5Key !== undefined) await this.#cache.writeMd5(md5Key, md5);
          if (tree) await keeper.commit(identity, tree);
          await this.#cache.trim();
        }
        return { md5: md5 ?? found.md5, tree: tree ?? found.tree };
      },
      close: async () => {
        await pass.close();
        await leaves?.file.close();
        await keeper.discard();
      },
    };
  }

  /** The kept leaves of the nearest layer from `layer` on downwards, checked; damaged ones are forgotten. */
  async #nearestLeaves(layer: number): Promise<{ layer: number; file: LeafFile } | undefined> {
    for (let at = layer; this.#cache && at < this.#disk.layers.length; at++) {
      const key = identityOf(this.#disk.openedFiles.slice(at));
      const file = await this.#cache.openLeaves(key);
      if (!file) continue;
      if (await hasDigest(file.runs(), this.#disk.layers[at]?.size ?? 0, file.digest)) return { layer: at, file };
      await file.close();
      await this.#cache.deleteLeaves(key);
    }
    return undefined;
  }

  /** True where the files are still those that were read. */
  async #isStill(layer: number, identity: string): Promise<boolean> {
    const now = await this.#disk.sourceFiles().catch(() => undefined);
    return now !== undefined && identityOf(now.slice(layer)) === identity;
  }
}

async function hasDigest(runs: AsyncIterable<LeafRun>, size: number, digest: Uint8Array): Promise<boolean> {
  const tree = new TreeHasher(size);
  try {
    for await (const { index, values } of runs) tree.add(index, values);
    return tree.digest().equals(digest);
  } catch {
    return false;
  }
}

/** Where the layers above layer `layer` decide, and where the ancestor holds more than the disk shows. */
async function changedAbove(disk: Disk, layer: number): Promise<RangeSet> {
  const changed = new RangeMerger();
  for await (const stretch of disk.stretches({ above: layer })) {
    for (const extent of stretch) if (extent.kind !== 'absent') changed.add(extent);
  }
  const ancestorSize = disk.layers[layer]?.size ?? 0;
  // A disk that ends within a leaf shows zeros where a larger ancestor had more.
  const end: Range[] = ancestorSize > disk.size ? [{ offset: disk.size - 512, length: 512 }] : [];
  return rangeSet([...changed.finish(), ...end]);
}

/** What makes the content of a chain what it is: on this machine, the same text only for the same bytes. */
function identityOf(files: readonly SourceFile[]): string {
  return [
    'vhdup digest 1',
    ...files.map(
      ({ fileId, size, mtimeNs, ctimeNs, structure }) => `${fileId} ${size} ${mtimeNs} ${ctimeNs} ${structure}`,
    ),
  ].join('\n');
}

function formText({ padding, footer }: BlobForm): string {
  return `${padding} ${createHash('sha256').update(footer).digest('hex')}`;
}
