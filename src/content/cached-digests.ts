import type { Disk } from '../disk/disk.js';
import { RangeMerger, rangeSet, type Range, type RangeSet } from '../bytes/range.js';
import { SECTOR } from '../bytes/sector.js';
import type { Phase } from '../session/events.js';
import type { Session } from '../session/session.js';
import { ContentDigests } from './content-digests.js';
import {
  KnownDigests,
  type DigestComputation,
  type DigestHints,
  type DigestRequest,
  type Digests,
} from './digest-computation.js';
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
  readonly phase: Phase;
  readonly computation: DigestComputation;
  readonly known: CachedLeaves | undefined;
  readonly writer: LeafCacheWriter;
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
    { phase, isSent }: Pick<DigestHints, 'phase' | 'isSent'>,
  ): Promise<DigestComputation> {
    const known = request.tree === true ? await records.nearestLeaves() : undefined;
    const found: Digests = {
      md5: request.md5 && (await records.md5(request.md5)),
      tree: known?.layer === records.layer ? known.file.digest : undefined,
    };
    const missing: DigestRequest = {
      md5: found.md5 ? undefined : request.md5,
      tree: request.tree === true && !found.tree,
    };
    if (!missing.md5 && missing.tree !== true) {
      await known?.file.close();
      return new KnownDigests(found);
    }
    const writer = records.startLeaves(missing.tree === true);
    try {
      const computation = await ContentDigests.start(session, records.content, missing, {
        phase,
        isSent,
        known: known && {
          runs: known.file.runs(),
          changed: await changedAbove(records.content, known.layer - records.layer),
        },
        keep: (run) => writer.add(run),
      });
      return new CachedDigests({ session, records, found, missing, phase, computation, known, writer });
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
    return { md5: digests.md5 ?? found.md5, tree: digests.tree ?? found.tree };
  }

  async close(): Promise<void> {
    const { computation, known, writer } = this.#parts;
    await computation.close();
    await known?.file.close();
    await writer.discard();
  }

  async #compute(): Promise<Digests> {
    const { session, records, missing, phase, computation, writer } = this.#parts;
    try {
      return await computation.finish();
    } catch (error) {
      if (!(error instanceof KnownLeavesLost)) throw error;
      await writer.discard();
      return digestsOf(session, records.content, missing, phase);
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
