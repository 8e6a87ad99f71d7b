import { createHash } from 'node:crypto';
import { RestError } from '@azure/storage-blob';
import { refusal, type Answer, type OwnAnswer } from './answer.js';
import { crc64 } from './crc64.js';
import type { Direct } from './direct.js';
import { blobPathOf, type GateRecord } from './record.js';

const PAGE = 512;
const MAX_RANGE = 4 * 1024 ** 2;

/** Why the service cannot read a source: its status and code, as the headers say them too. */
function unread(status: number, sourceStatus: number, sourceCode: string, message: string): OwnAnswer {
  return refusal(status, 'CannotVerifyCopySource', message, {
    'x-ms-copy-source-status-code': sourceStatus,
    'x-ms-copy-source-error-code': sourceCode,
  });
}

/** Answers of the service to Put Page From URL that are about the source. Nothing is written. */
export const SOURCE_REFUSALS = {
  forbidden: unread(403, 403, 'AuthenticationFailed', 'Server failed to authenticate the request.'),
  unauthorized: unread(401, 401, 'InvalidAuthenticationInfo', 'Server failed to authenticate the request.'),
  missing: unread(404, 404, 'BlobNotFound', 'The specified blob does not exist.'),
  /** As older versions of the service say it: without the source's own answer. */
  bare: refusal(403, 'CannotVerifyCopySource', 'This request is not authorized to perform this operation.'),
  private: refusal(409, 'PublicAccessNotPermitted', 'Public access is not permitted on this storage account.'),
  incremental: refusal(
    409,
    'CopySourceCannotBeIncrementalCopyBlob',
    'Source blob of a copy operation cannot be incremental copy blob.',
  ),
  changed: refusal(412, 'SourceConditionNotMet', 'The source condition specified using HTTP header(s) is not met.'),
  busy: unread(409, 503, 'ServerBusy', 'The server is busy.'),
  slow: refusal(500, 'CannotVerifyCopySource', 'Could not verify the copy source within the specified time.'),
  unsupported: refusal(400, 'UnsupportedHeader', 'One of the HTTP headers specified in the request is not supported.'),
} as const satisfies Record<string, OwnAnswer>;

export type SourceRefusal = keyof typeof SOURCE_REFUSALS;

/** How copies of ranges go: as the service does it, where the script says nothing. */
export interface RangeCopyScript {
  readonly refuse: (record: GateRecord) => SourceRefusal | OwnAnswer | undefined;
  /** The values of x-ms-copy-source-authorization with which every blob can be read. */
  readonly tokens: ReadonlySet<string>;
}

/** Put Page From URL, which Azurite does not have: the bytes go from the source to the destination behind the gate. */
export class RangeCopies {
  readonly #direct: Direct;
  readonly #ownUrl: string;

  /** `ownUrl`: how clients reach the gate. */
  constructor(direct: Direct, ownUrl: string) {
    this.#direct = direct;
    this.#ownUrl = ownUrl;
  }

  /**
   * The answer to a request for which Azurite had only "not implemented" to say: whoever sent it may write. Lease and conditions are
   * checked by the Put Page that is made of it.
   */
  async answer(record: GateRecord, { refuse, tokens }: RangeCopyScript): Promise<Answer> {
    const scripted = refuse(record);
    const own =
      ofRequest(record) ??
      (typeof scripted === 'string' ? SOURCE_REFUSALS[scripted] : scripted) ??
      (await this.#copy(record, tokens));
    return { status: own.status, headers: { ...own.headers }, body: Buffer.from(own.body ?? '') };
  }

  async #copy({ url, headers, range }: GateRecord, tokens: ReadonlySet<string>): Promise<OwnAnswer> {
    const destination = this.#direct.blob(blobPathOf(url));
    const size = (await this.#direct.properties(blobPathOf(url)))?.contentLength ?? Infinity;
    const { offset, length } = range ?? { offset: 0, length: 0 };
    if (offset + length > size) return refusal(416, 'InvalidPageRange', 'The page range specified is invalid.');
    const read = await this.#read(headers, tokens);
    if (!Buffer.isBuffer(read)) return read;
    const md5 = createHash('md5').update(read).digest('base64');
    if (![undefined, md5].includes(textOf(headers['x-ms-source-content-md5'])))
      return refusal(400, 'Md5Mismatch', 'The MD5 value specified did not match with the value of the source.');
    if (![undefined, crc64(read)].includes(textOf(headers['x-ms-source-content-crc64'])))
      return refusal(400, 'Crc64Mismatch', 'The CRC64 value specified did not match with the value of the source.');
    const [leaseId, ifMatch, ifNoneMatch] = ['x-ms-lease-id', 'if-match', 'if-none-match'].map((name) =>
      textOf(headers[name]),
    );
    try {
      const { etag, lastModified, requestId } = await destination.uploadPages(read, offset, length, {
        conditions: {
          ...(leaseId === undefined ? {} : { leaseId }),
          ...(ifMatch === undefined ? {} : { ifMatch }),
          ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
        },
      });
      return {
        status: 201,
        headers: {
          ...{ etag, 'last-modified': lastModified?.toUTCString(), 'x-ms-request-id': requestId },
          ...{ 'content-md5': md5, 'x-ms-blob-sequence-number': 0, 'content-length': 0 },
        },
      };
    } catch (error) {
      if (!(error instanceof RestError) || error.statusCode === undefined) throw error;
      return refusal(error.statusCode, error.response?.headers.get('x-ms-error-code') ?? '', 'Refused by Azurite.');
    }
  }

  /** The bytes of the source, or why the service has none. */
  async #read(headers: GateRecord['headers'], tokens: ReadonlySet<string>): Promise<Buffer | OwnAnswer> {
    const source = String(headers['x-ms-copy-source']);
    const authorization = textOf(headers['x-ms-copy-source-authorization']);
    if (!source.startsWith(`${this.#ownUrl}/`))
      return unread(404, 404, 'ResourceNotFound', 'The specified resource does not exist.');
    if (authorization !== undefined && !tokens.has(authorization)) return SOURCE_REFUSALS.unauthorized;
    const answer = await this.#direct.fetch(source, authorization !== undefined, {
      'x-ms-range': textOf(headers['x-ms-source-range']),
      'if-match': textOf(headers['x-ms-source-if-match']),
    });
    const { status } = answer;
    if (status === 412) return SOURCE_REFUSALS.changed;
    const code = answer.headers.get('x-ms-error-code') ?? '';
    if (!answer.ok) return unread(status, status, code, 'The source cannot be read.');
    const bytes = Buffer.from(await answer.arrayBuffer());
    const [, length] = rangeOf(headers['x-ms-source-range']);
    return bytes.length === length ? bytes : unread(416, 416, 'InvalidRange', 'The source ends before the range.');
  }
}

/** Refuses what is wrong with the request itself. */
function ofRequest({ range, headers, bodyLength }: GateRecord): OwnAnswer | undefined {
  const [sourceOffset, sourceLength] = rangeOf(headers['x-ms-source-range']);
  if (!range || range.length <= 0 || range.offset % PAGE !== 0 || range.length % PAGE !== 0 || range.length > MAX_RANGE)
    return refusal(416, 'InvalidPageRange', 'The page range specified is invalid.');
  if (headers['content-length'] !== '0' || bodyLength > 0)
    return refusal(400, 'InvalidHeaderValue', 'Content-Length has to be 0.');
  if (headers['x-ms-page-write'] !== 'update')
    return refusal(400, 'InvalidHeaderValue', 'x-ms-page-write has to be update.');
  if (sourceLength !== range.length || sourceOffset % PAGE !== 0)
    return refusal(400, 'InvalidHeaderValue', 'x-ms-source-range is not whole pages of the length of the range.');
  const hasBoth =
    headers['x-ms-source-content-md5'] !== undefined && headers['x-ms-source-content-crc64'] !== undefined;
  return hasBoth ? refusal(400, 'InvalidHeaderValue', 'Only one of MD5 and CRC64 may be there.') : undefined;
}

/** Offset and length of a range as a header has it. */
function rangeOf(header: string | string[] | undefined): readonly [number, number] {
  const [, start = '0', end = '-1'] = /^bytes=(\d+)-(\d+)$/.exec(textOf(header) ?? '') ?? [];
  return [Number(start), Number(end) + 1 - Number(start)];
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
