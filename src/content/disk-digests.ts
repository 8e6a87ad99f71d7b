import type { Disk } from '../disk/disk.js';
import type { DigestCache } from '../state/digest-cache.js';
import type { Phase } from '../session/events.js';
import type { Session } from '../session/session.js';
import { CachedDigests } from './cached-digests.js';
import type { DigestComputation, DigestRequest, Digests } from './digest-computation.js';
import { LayerRecords, formKey } from './layer-records.js';
import { scanForDigests } from './running-digest.js';

/**
 * The digests of a disk and of its ancestors, and the leaves of the disk itself. If the files did not change since this machine computed the digests, they
 * come from its cache. If only an ancestor's tree digest is in the cache, only what changed since is read.
 */
export class DiskDigests {
  readonly #session: Session;
  readonly #disk: Disk;
  readonly #cache: DigestCache | undefined;
  readonly #computed = new Map<string, Promise<Digests>>();
  /** Digests of the disk itself that were computed. */
  #own: Digests & { readonly form?: string | undefined } = { md5: undefined, tree: undefined };

  /** Without a cache, nothing is looked up or kept. */
  constructor(session: Session, disk: Disk, cache: DigestCache | undefined) {
    this.#session = session;
    this.#disk = disk;
    this.#cache = cache;
  }

  /** Returns digests of the disk as layer `layer` shows it. They are computed at most once. */
  of(layer: number, request: DigestRequest, phase: Phase): Promise<Digests> {
    const key = `${layer} ${request.tree === true} ${request.md5 ? formKey(request.md5) : ''}`;
    let digests = this.#computed.get(key);
    if (!digests) {
      digests = this.#compute(layer, request, phase);
      this.#computed.set(key, digests);
    }
    return digests;
  }

  /**
   * Starts to compute digests of the disk as layer `layer` shows it, for a scan of the caller. `isSent`: most of the
   * content is sent in the same scan.
   */
  async start(layer: number, request: DigestRequest, phase: Phase, isSent: boolean): Promise<DigestComputation> {
    const records = new LayerRecords(this.#disk, layer, this.#cache);
    const isOwn = layer === 0;
    const given = isOwn ? this.#knownOf(request) : undefined;
    return await CachedDigests.start(this.#session, records, request, { phase, isSent, given, keepsLeaves: isOwn });
  }

  async #compute(layer: number, request: DigestRequest, phase: Phase): Promise<Digests> {
    const computation = await this.start(layer, request, phase, false);
    const digests = await scanForDigests(this.#session, this.#disk.ancestor(layer), computation);
    if (layer === 0) this.#remember(request, digests);
    return digests;
  }

  #remember(request: DigestRequest, { md5, tree, leaves }: Digests): void {
    if (tree) this.#own = { ...this.#own, tree, leaves };
    if (md5 && request.md5) this.#own = { ...this.#own, md5, form: formKey(request.md5) };
  }

  #knownOf({ md5: form }: DigestRequest): Digests {
    const { md5, tree, leaves } = this.#own;
    return { md5: form && this.#own.form === formKey(form) ? md5 : undefined, tree, leaves };
  }
}
