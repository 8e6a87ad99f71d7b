import { LEAF, TreeHasher, leafValues } from '../../digest/tree.js';
import { LeafSpool } from '../../state/leaf-spool.js';

/** Computes the tree digest (docs/DIGEST.md) of bytes that come one after the other, and whose number is known at the end only. */
export class StreamTree implements AsyncDisposable {
  readonly #spool = new LeafSpool();
  #leaf = 0;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #size = 0;

  /** Adds the next bytes. */
  async add(bytes: Uint8Array): Promise<void> {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#size += bytes.length;
    if (this.#pendingBytes >= LEAF) await this.#flush(this.#pendingBytes - (this.#pendingBytes % LEAF));
  }

  /** Adds zeros. */
  async addZeros(length: number): Promise<void> {
    // Up to the end of a leaf they are bytes as all others.
    const partial = Math.min(length, (LEAF - (this.#pendingBytes % LEAF)) % LEAF);
    if (partial > 0) await this.add(Buffer.alloc(partial));
    const leaves = Math.floor((length - partial) / LEAF);
    this.#leaf += leaves;
    this.#size += leaves * LEAF;
    const rest = length - partial - leaves * LEAF;
    if (rest > 0) await this.add(Buffer.alloc(rest));
  }

  /** Returns the digest of all bytes. */
  async digest(): Promise<Buffer> {
    if (this.#pendingBytes > 0) await this.#flush(this.#pendingBytes);
    await this.#spool.end();
    const tree = new TreeHasher(this.#size);
    for await (const { index, values } of this.#spool.runs()) tree.add(index, values);
    return tree.digest();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#spool.close();
  }

  async #flush(length: number): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    const values = leafValues(bytes.subarray(0, length));
    await this.#spool.add({ index: this.#leaf, values });
    this.#leaf += Math.ceil(length / LEAF);
    const rest = Uint8Array.from(bytes.subarray(length));
    [this.#pending, this.#pendingBytes] = [rest.length > 0 ? [rest] : [], rest.length];
  }
}
