import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { Disk } from '../disk/disk.js';
import { PAGE } from '../bytes/sector.js';
import type { PushPlan } from '../plan/push-plan.js';
import { totalLength, type RangeSet } from '../bytes/range.js';
import { uuidText } from '../bytes/uuid-text.js';

/** How many pages of what is sent go into the key. */
const SAMPLE_PAGES = 64;
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ROOT_BYTES = 16;

/** What the key is derived from, besides the disk's content. */
export interface SecretSource {
  /** Digest of the structures of the disk's files; only its hash is published, within the fingerprint. */
  readonly structure: string;
  /** The push's, hexadecimal. */
  readonly fingerprint: string;
  readonly plan: Pick<PushPlan, 'write'>;
}

/**
 * Encrypts the root of a lease's ids, so that the blob's metadata can carry it. Only a machine with the same files can decrypt
 * it, and so resume under the lease of an interrupted push. The key is derived from the structures of the files and from
 * samples of what is going to be sent. The cipher is AES-256-GCM, with the push's fingerprint as additional data.
 */
export class LeaseSecret {
  readonly #key: Buffer;
  readonly #fingerprint: string;

  private constructor(key: Buffer, fingerprint: string) {
    this.#key = key;
    this.#fingerprint = fingerprint;
  }

  /** Derives the key; reads the samples from the disk. */
  static async of(disk: Pick<Disk, 'read'>, { structure, fingerprint, plan }: SecretSource): Promise<LeaseSecret> {
    const hash = createHash('sha256').update(structure);
    const page = Buffer.alloc(PAGE);
    for (const offset of samplesOf(plan.write)) {
      await disk.read(offset, page);
      hash.update(page);
    }
    return new LeaseSecret(
      Buffer.from(hkdfSync('sha256', hash.digest(), fingerprint, 'vhdup lease 1', 32)),
      fingerprint,
    );
  }

  /** Encrypts the root (a GUID); returns text for metadata, another one at each call. */
  seal(root: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(Buffer.from(this.#fingerprint));
    const sealed = [cipher.update(root.replaceAll('-', ''), 'hex'), cipher.final()];
    return Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]).toString('base64url');
  }

  /** Decrypts the root; returns `undefined` if the text was not made for this push from the same files. */
  open(text: string): string | undefined {
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length !== NONCE_BYTES + ROOT_BYTES + TAG_BYTES) return undefined;
    const cipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(0, NONCE_BYTES))
      .setAAD(Buffer.from(this.#fingerprint))
      .setAuthTag(bytes.subarray(NONCE_BYTES + ROOT_BYTES));
    const root = cipher.update(bytes.subarray(NONCE_BYTES, NONCE_BYTES + ROOT_BYTES)).toString('hex');
    try {
      cipher.final();
    } catch {
      return undefined;
    }
    return uuidText(root);
  }
}

/** Yields the offsets of pages that are spread evenly over the ranges. */
function* samplesOf(ranges: RangeSet): Generator<number> {
  const pages = totalLength(ranges) / PAGE;
  const count = Math.min(SAMPLE_PAGES, pages);
  let before = 0;
  let next = 0;
  for (const { offset, length } of ranges) {
    const end = before + length / PAGE;
    for (
      let page = Math.floor((next * pages) / count);
      next < count && page < end;
      page = Math.floor((++next * pages) / count)
    ) {
      yield offset + (page - before) * PAGE;
    }
    before = end;
  }
}
