import { refusal, type OwnAnswer } from './answer.js';
import { crc64 } from './crc64.js';
import type { Direct } from './direct.js';
import { blobPathOf, type GateRecord } from './record.js';

const PAGE = 512;
const MAX_PUT = 4 * 1024 ** 2;
const MAX_BLOB = 8 * 1024 ** 4;

/** Refuses what the service refuses and Azurite does not. */
export class Strictness {
  readonly #direct: Direct;
  /** Sizes as last seen, by path. A blob that shrinks behind the gate's back is not noticed. */
  readonly #sizes = new Map<string, number>();

  constructor(direct: Direct) {
    this.#direct = direct;
  }

  async refusal(record: GateRecord, body: Buffer): Promise<OwnAnswer | undefined> {
    switch (record.kind) {
      case 'put-page':
        return ofHeaders(record) ?? ofBody(record, body) ?? (await this.#ofEnd(record));
      case 'clear-pages':
        return ofHeaders(record) ?? (await this.#ofEnd(record));
      case 'create':
      case 'resize':
        return this.#ofSize(record);
      case 'copy':
        return this.#ofLease(record);
      default:
        return undefined;
    }
  }

  async #ofEnd({ url, range }: GateRecord): Promise<OwnAnswer | undefined> {
    const path = blobPathOf(url);
    const end = range ? range.offset + range.length : 0;
    if (end <= (this.#sizes.get(path) ?? 0)) return undefined;
    const size = (await this.#direct.properties(path))?.contentLength;
    if (size === undefined) return undefined;
    this.#sizes.set(path, size);
    return end > size
      ? refusal(416, 'InvalidPageRange', `The page range ends at ${end}, the blob at ${size}.`)
      : undefined;
  }

  #ofSize({ url, headers }: GateRecord): OwnAnswer | undefined {
    this.#sizes.delete(blobPathOf(url));
    if (headers['x-ms-blob-type'] !== undefined && headers['x-ms-blob-type'] !== 'PageBlob') return undefined;
    const size = Number(headers['x-ms-blob-content-length']);
    return size % PAGE === 0 && size <= MAX_BLOB
      ? undefined
      : refusal(400, 'InvalidHeaderValue', `${size} is no size of a page blob.`);
  }

  /** A destination may have an infinite lease, and then needs its id; a finite one is in the way even with it. */
  async #ofLease({ url, headers }: GateRecord): Promise<OwnAnswer | undefined> {
    this.#sizes.delete(blobPathOf(url));
    const found = await this.#direct.properties(blobPathOf(url));
    if (found?.leaseState !== 'leased' || found.leaseDuration !== 'fixed') return undefined;
    return headers['x-ms-lease-id'] === undefined
      ? refusal(
          412,
          'LeaseIdMissing',
          'There is currently a lease on the blob and no lease ID was specified in the request.',
        )
      : refusal(
          412,
          'InfiniteLeaseDurationRequired',
          'The lease ID matched, but the specified lease must be an infinite-duration lease.',
        );
  }
}

function ofHeaders({ kind, range, headers, bodyLength }: GateRecord): OwnAnswer | undefined {
  if (!range || range.length <= 0 || range.offset % PAGE !== 0 || range.length % PAGE !== 0)
    return refusal(416, 'InvalidPageRange', 'The page range specified is invalid.');
  const expected = kind === 'clear-pages' ? 0 : range.length;
  if (kind === 'put-page' && bodyLength > MAX_PUT)
    return refusal(
      413,
      'RequestBodyTooLarge',
      'The request body is too large and exceeds the maximum permissible limit.',
    );
  return Number(headers['content-length'] ?? 0) === expected && bodyLength === expected
    ? undefined
    : refusal(400, 'InvalidHeaderValue', 'Content-Length is not the length of the page range.');
}

function ofBody({ headers, bodyMd5 }: GateRecord, body: Buffer): OwnAnswer | undefined {
  const md5 = headers['content-md5'];
  if (md5 !== undefined && md5 !== bodyMd5)
    return refusal(
      400,
      'Md5Mismatch',
      'The MD5 value specified in the request did not match with the MD5 value calculated by the server.',
    );
  const crc = headers['x-ms-content-crc64'];
  if (crc !== undefined && crc !== crc64(body))
    return refusal(
      400,
      'Crc64Mismatch',
      'The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.',
    );
  return undefined;
}
