import { hashingFor } from '../digest/hash-workers.js';
import type { Hashing } from '../digest/hashing.js';
import { rangeSet, totalLength } from '../bytes/range.js';
import type { Session } from '../session/session.js';
import { dataRanges } from './data-ranges.js';
import type { Content, DigestComputation, DigestHints, DigestRequest, Digests } from './digest-computation.js';
import { Md5Consumer } from './md5-consumer.js';
import type { Consumer } from './scan.js';
import { TreeConsumer } from './tree-consumer.js';

/** The consumers of the content, and what they use. */
interface Parts {
  readonly hashing: Hashing;
  readonly md5: Md5Consumer | undefined;
  readonly tree: TreeConsumer | undefined;
  /** Reports that everything is done. */
  readonly reportEnd: () => void;
}

/** Digests that are computed from the content, without any record. */
export class ContentDigests implements DigestComputation {
  readonly consumers: readonly Consumer[];
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.consumers = [parts.md5, parts.tree].filter((consumer) => consumer !== undefined);
  }

  /** Finds the ranges in which the content stores bytes, and starts the hash threads. */
  static async start(
    session: Session,
    content: Content,
    request: DigestRequest,
    { phase, isSent = false, known, keep = () => Promise.resolve() }: DigestHints,
  ): Promise<ContentDigests> {
    const { size } = content;
    const data = await dataRanges(content);
    const leafBytes = request.tree === true ? totalLength(known ? rangeSet(known.changed) : data) : 0;
    const hashing = hashingFor((request.md5 ? size : 0) + leafBytes, isSent ? 1 : undefined);
    const onProgress = (done: number) => {
      session.throwIfStopped();
      session.progress(phase, Math.min(done, size), size);
    };
    const input = { size, data, hashing, onProgress };
    const md5 = request.md5 && new Md5Consumer(input, request.md5);
    const treeInput = md5 ? { ...input, onProgress: () => undefined } : input;
    const tree = request.tree === true ? new TreeConsumer(treeInput, known, keep) : undefined;
    const reportEnd = () => {
      session.progress(phase, size, size);
    };
    return new ContentDigests({ hashing, md5, tree, reportEnd });
  }

  async finish(): Promise<Digests> {
    const { md5, tree, reportEnd } = this.#parts;
    const digests = { md5: await md5?.digest(), tree: await tree?.digest() };
    reportEnd();
    return digests;
  }

  async close(): Promise<void> {
    const { tree, hashing } = this.#parts;
    await tree?.close();
    await hashing.close();
  }
}
