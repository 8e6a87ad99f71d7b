import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { Disk } from '../disk/disk.js';
import { PAGE, type PushPlan } from '../plan/push-plan.js';
import { totalLength, type RangeSet } from '../plan/range.js';

/** Pages of what is sent that go into the key. */
const SAMPLES = 64;
const CIPHER = 'aes-256-gcm';
const NONCE = 12;
const TAG = 16;
const ROOT = 16;

/** What the key is made from. */
export interface SecretSource {
  /** Digest of the structures of the disk's files; only its hash is published, within the fingerprint. */
  readonly structure: string;
  /** Of the push, hexadecimal. */
  readonly fingerprint: string;
  readonly plan: Pick<PushPlan, 'write'>;
}

/**
 * Encrypts the root of a lease's ids, so that the blob's metadata can carry it: whoever has the same files can go on under
 * the lease of an interrupted push, from any machine, and nobody else can. The key comes from the structures of the files and
 * from samples of what is going to be sent. AES-256-GCM, bound to the push by its fingerprint.
 */
export class LeaseSecret {
  readonly #key: Buffer;
  readonly #fingerprint: string;

  private constructor(key: Buffer, fingerprint: string) {
    this.#key = key;
    this.#fingerprint = fingerprint;
  }

  /** Reads the samples of the disk. */
  static async of(disk: Pick<Disk, 'read'>, { structure, fingerprint, plan }: SecretSource): Promise<LeaseSecret> {
    const hash = createHash('sha256').update(structure);
    const page = Buffer.alloc(PAGE);
    for (const offset of samplesOf(plan.write)) {
      await disk.read(offset, page);
      hash.update(page);
    }
    return new LeaseSecret(Buffer.from(hkdfSync('sha256', hash.digest(), fingerprint, 'vhdup lease 1', 32)), fingerprint);
  }

  /** The root (a GUID), encrypted, as text for metadata. Each call gives another text. */
  seal(root: string): string {
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(Buffer.from(this.#fingerprint));
    const sealed = [cipher.update(root.replaceAll('-', ''), 'hex'), cipher.final()];
    return Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]).toString('base64url');
  }

  /** Returns the root; `undefined` for a text of another push, of other files, or of somebody who does not have them. */
  open(text: string): string | undefined {
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length !== NONCE + ROOT + TAG) return undefined;
    const cipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(0, NONCE)).setAAD(Buffer.from(this.#fingerprint)).setAuthTag(bytes.subarray(NONCE + ROOT));
    const root = cipher.update(bytes.subarray(NONCE, NONCE + ROOT)).toString('hex');
    try {
      cipher.final();
    } catch {
      return undefined;
    }
    return root.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }
}

/** Offsets of pages that are spread evenly over the ranges. */
function* samplesOf(ranges: RangeSet): Generator<number> {
  const pages = totalLength(ranges) / PAGE;
  const count = Math.min(SAMPLES, pages);
  let before = 0;
  let next = 0;
  for (const { offset, length } of ranges) {
    const end = before + length / PAGE;
    for (let page = Math.floor((next * pages) / count); next < count && page < end; page = Math.floor((++next * pages) / count)) {
      yield offset + (page - before) * PAGE;
    }
    before = end;
  }
}
