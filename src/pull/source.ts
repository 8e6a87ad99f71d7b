import { VhdupError } from '../errors.js';
import { parseBlobUri } from '../azure/location.js';
import { isUnfinishedElsewhere, stateOf } from '../protocol/push-record.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import { hasStatus } from '../azure/service-error.js';
import { FOOTER_LENGTH, parseFixedTail, type FixedTail } from '../disk/fixed-stream.js';
import { checkSparseSize } from '../disk/vhd/writer.js';
import { rangeSet, type RangeSet } from '../bytes/range.js';
import type { Session } from '../session/session.js';
import type { PullFormat } from './options.js';

/** The blob to pull, in the state in which it was opened: every read requires its ETag. */
export class PullSource {
  readonly blob: PageBlob;
  readonly properties: BlobProperties;
  /** The footer of a fixed VHD; `undefined` if the blob is not one. */
  readonly tail: FixedTail | undefined;
  #ranges: Promise<RangeSet> | undefined;

  private constructor(blob: PageBlob, properties: BlobProperties, tail: FixedTail | undefined) {
    this.blob = blob;
    this.properties = properties;
    this.tail = tail;
  }

  /**
   * Opens a blob. Throws `destination-missing` if there is none, `blob-unfinished` if it is not complete, `disk-unsupported` or
   * `disk-invalid` if it cannot be pulled in this format.
   */
  static async open(session: Session, uri: string, format: PullFormat): Promise<PullSource> {
    const blob = await session.blob(parseBlobUri(uri));
    const properties = await blob.properties();
    if (!properties)
      throw new VhdupError('destination-missing', `${blob.uri}: there is no such blob`, {
        hint: 'check the name, and that the credential may read it',
      });
    const { type, size } = properties;
    if (type !== 'PageBlob')
      throw new VhdupError(
        'disk-unsupported',
        `${blob.uri}: it is a ${type ?? 'blob of unknown type'}, not a page blob`,
        { hint: 'azcopy or the SDK fetch other blobs; disks are page blobs' },
      );
    const problem = unfinished(properties);
    if (problem !== undefined)
      throw new VhdupError('blob-unfinished', `${blob.uri}: ${problem}`, {
        hint: 'have it finished first: run the push again, or wait for the copy',
      });
    const tail =
      size < 2 * FOOTER_LENGTH
        ? 'it is too small for one'
        : parseFixedTail(
            await whileUnchanged(blob, () =>
              blob.read({ offset: size - FOOTER_LENGTH, length: FOOTER_LENGTH }, { ifMatch: properties.etag }),
            ),
          );
    if (typeof tail === 'string') {
      if (format !== 'raw')
        throw new VhdupError('disk-invalid', `${blob.uri}: it is no fixed VHD: ${tail}`, {
          hint: '--format raw fetches the whole blob as it is',
        });
      session.warn(`${blob.uri} is no fixed VHD (${tail}): the whole blob is fetched as it is`);
      return new PullSource(blob, properties, undefined);
    }
    const content = size - FOOTER_LENGTH;
    if (tail.size === 0 || tail.size % FOOTER_LENGTH !== 0 || tail.size > content) {
      throw new VhdupError(
        'disk-invalid',
        `${blob.uri}: footer current size: ${tail.size} does not fit the ${content} bytes before the footer`,
        { hint: 'the blob is no valid disk' },
      );
    }
    if (tail.size < content)
      session.warn(
        `${blob.uri} holds ${content - tail.size} bytes between the disk's ${tail.size} and the footer, as some older tools leave them${format === 'fixed' ? '' : '; they are no part of the disk'}`,
      );
    if (format === 'dynamic') checkSparseSize(tail.size, blob.uri);
    return new PullSource(blob, properties, tail);
  }

  /** The bytes of the blob before its footer. */
  get contentSize(): number {
    return this.properties.size - this.footer.length;
  }

  /** The footer of the blob; empty if the blob is not a VHD. */
  get footer(): Uint8Array {
    return this.tail?.footer ?? new Uint8Array(0);
  }

  /** The size of the disk in bytes; of a blob that is not a VHD, its whole size. */
  get diskSize(): number {
    return this.tail?.size ?? this.properties.size;
  }

  /** Returns the ranges of pages before the footer. They are listed once. */
  ranges(): Promise<RangeSet> {
    return (this.#ranges ??= this.#listRanges());
  }

  async #listRanges(): Promise<RangeSet> {
    const listed = await whileUnchanged(this.blob, () => this.blob.pageRanges({ ifMatch: this.properties.etag }));
    return rangeSet(
      listed.map(({ offset, length }) => ({
        offset,
        length: Math.max(0, Math.min(offset + length, this.contentSize) - offset),
      })),
    );
  }

  /** Reads bytes from `offset` on until `into` is full. Throws `source-changed` if the blob has changed. */
  async read(offset: number, into: Uint8Array): Promise<void> {
    await whileUnchanged(this.blob, () => this.blob.readInto(offset, into, { ifMatch: this.properties.etag }));
  }
}

function unfinished({ copy, metadata, contentMd5 }: BlobProperties): string | undefined {
  if (copy?.status === 'pending') return 'it is still being copied to';
  const state = stateOf(metadata);
  if (state && state.state !== 'complete') return `it is an unfinished push (${state.state})`;
  if (isUnfinishedElsewhere(metadata, contentMd5 !== undefined)) return 'another tool has not finished its upload';
  return undefined;
}

/** Runs a request. Throws `source-changed` if the service answers that the blob has changed (412) or is gone (404). */
async function whileUnchanged<T>(blob: PageBlob, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof VhdupError) || !hasStatus(error, 404, 412)) throw error;
    throw new VhdupError(
      'source-changed',
      `${blob.uri}: it ${hasStatus(error, 412) ? 'changed' : 'was deleted'} while it was pulled`,
      { cause: error, hint: 'run the same command again: it starts anew' },
    );
  }
}
