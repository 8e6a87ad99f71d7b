import type { Disk } from '../disk/disk.js';
import { RangeMerger, rangeSet, type Range, type RangeSet } from '../bytes/range.js';
import { SECTOR } from '../bytes/sector.js';
import type { LeafRun } from '../digest/tree.js';
import type { Session } from '../session/session.js';
import { ContentDigests } from './content-digests.js';
import {
  KnownDigests,
  type DigestComputation,
  type DigestHints,
  type DigestRequest,
  type Digests,
} from './digest-computation.js';
import { KeptLeaves } from './kept-leaves.js';
import { KnownLeavesLost } from './known-leaves.js';
import type { CachedLeaves, LayerRecords } from './layer-records.js';
import type { LeafCacheWriter } from './leaf-cache-writer.js';
import { digestsOf } from './running-digest.js';
import type { Consumer } from './scan.js';

interface Parts {
  readonly session: Session;
  readonly records: LayerRecords;
  /** The digests that are in the cache, and the request for the others. */
  readonly found: Digests;
  readonly missing: DigestRequest;
  readonly hints: CachedHints;
  readonly computation: DigestComputation;
  readonly known: CachedLeaves | undefined;
  readonly writer: LeafCacheWriter;
  readonly kept: KeptLeaves | undefined;
}

/** How digests are computed with the help of the cache. */
export interface CachedHints extends Pick<DigestHints, 'phase' | 'isSent'> {
  /** Digests of this layer that were computed in this run. */
  readonly given?: Digests | undefined;
  /** True if the leaves are needed after the tree digest. Default false. */
  readonly keepsLeaves?: boolean | undefined;
}

/** Digests of a layer that are computed with the help of the cache, and kept there. */
export class CachedDigests implements DigestComputation {
  readonly consumers: readonly Consumer[];
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.consumers = parts.computation.consumers;
  }

  /** Looks up the digests in the cache, and starts to compute those that are not there. */
  static async start(
    session: Session,
    records: LayerRecords,
    request: DigestRequest,
    hints: CachedHints,
  ): Promise<DigestComputation> {
    const { given, keepsLeaves = false } = hints;
    const nearest = request.tree === true && !given?.tree ? await records.nearestLeaves() : undefined;
    const own = nearest?.layer === records.layer ? nearest : undefined;
    const known = own ? undefined : nearest;
    if (own) session.defer(() => own.file.close());
    const found: Digests = {
      md5: given?.md5 ?? (request.md5 && (await records.md5(request.md5))),
      tree: given?.tree ?? own?.file.digest,
      leaves: given?.leaves ?? (own && { size: records.content.size, runs: () => own.file.runs() }),
    };
    const missing: DigestRequest = {
      md5: found.md5 ? undefined : request.md5,
      tree: request.tree === true && !found.tree,
    };
    if (!missing.md5 && missing.tree !== true) return new KnownDigests(found);
    const writer = records.startLeaves(missing.tree === true);
    const kept = keepsLeaves && missing.tree === true ? new KeptLeaves(session, records.content.size) : undefined;
    try {
      const computation = await ContentDigests.start(session, records.content, missing, {
        ...hints,
        known: known && {
          runs: known.file.runs(),
          changed: await changedAbove(records.content, known.layer - records.layer),
        },
        keep: async (run: LeafRun) => {
          await writer.add(run);
          await kept?.add(run);
        },
      });
      return new CachedDigests({ session, records, found, missing, hints, computation, known, writer, kept });
    } catch (error) {
      await known?.file.close();
      await writer.discard();
      throw error;
    }
  }

  async finish(): Promise<Digests> {
    const { records, found, missing, writer } = this.#parts;
    const digests = await this.#compute();
    await records.keep(digests, missing.md5, writer);
    return {
      md5: digests.md5 ?? found.md5,
      tree: digests.tree ?? found.tree,
      leaves: digests.leaves ?? found.leaves,
    };
  }

  async close(): Promise<void> {
    const { computation, known, writer } = this.#parts;
    await computation.close();
    await known?.file.close();
    await writer.discard();
  }

  async #compute(): Promise<Digests> {
    const { session, records, missing, hints, computation, writer, kept } = this.#parts;
    try {
      return { ...(await computation.finish()), leaves: await kept?.finish() };
    } catch (error) {
      if (!(error instanceof KnownLeavesLost)) throw error;
      await writer.discard();
      const anew = kept && new KeptLeaves(session, records.content.size);
      const keep = (run: LeafRun) => anew?.add(run) ?? Promise.resolve();
      const digests = await digestsOf(session, records.content, missing, { phase: hints.phase, keep });
      return { ...digests, leaves: await anew?.finish() };
    }
  }
}

/**
 * Returns the ranges in which a layer above layer `layer` stores data or zeros, and those that the disk's end cuts off.
 */
async function changedAbove(disk: Disk, layer: number): Promise<RangeSet> {
  const changed = new RangeMerger();
  for await (const stretch of disk.extentBatches({ above: layer })) {
    for (const extent of stretch) if (extent.kind !== 'absent') changed.add(extent);
  }
  const ancestorSize = disk.ancestor(layer).size;
  // If the disk is smaller than its ancestor and ends within a leaf, the rest of this leaf is zero, but not in the
  // ancestor.
  const end: Range[] = ancestorSize > disk.size ? [{ offset: disk.size - SECTOR, length: SECTOR }] : [];
  return rangeSet([...changed.finish(), ...end]);
}
