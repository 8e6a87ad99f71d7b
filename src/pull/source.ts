import { formatSize } from '../bytes/format-size.js';
import { VhdupError } from '../errors.js';
import { parseBlobUri } from '../azure/location.js';
import { readFooter } from '../protocol/read-footer.js';
import { requireSource } from '../protocol/require-blob.js';
import { findProblem, judgeBlob, refusalOf, type Verdict } from '../protocol/verdict.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import { hasStatus } from '../azure/service-error.js';
import { FOOTER_LENGTH, parseFixedTail, type FixedTail } from '../protocol/fixed-vhd.js';
import { checkSparseSize } from '../disk/vhd/writer.js';
import { rangeSet, type RangeSet } from '../bytes/range.js';
import type { Session } from '../session/session.js';
import type { PullFormat } from './options.js';
import { option } from '../option-names.js';

/** The blob to pull, in the state in which it was opened: every read requires its ETag. */
export class PullSource {
  readonly blob: PageBlob;
  readonly properties: BlobProperties;
  readonly verdict: Verdict;
  /** The footer of a fixed VHD; `undefined` if the blob is not one. */
  readonly tail: FixedTail | undefined;
  #ranges: Promise<RangeSet> | undefined;

  private constructor(blob: PageBlob, properties: BlobProperties, verdict: Verdict, tail: FixedTail | undefined) {
    this.blob = blob;
    this.properties = properties;
    this.verdict = verdict;
    this.tail = tail;
  }

  /**
   * Opens a blob. Throws `disk-unreadable` if there is none, `blob-unfinished` if it is not complete, `disk-unsupported` or
   * `disk-invalid` if it cannot be pulled in this format.
   */
  static async open(session: Session, uri: string, format: PullFormat): Promise<PullSource> {
    const blob = await session.blob(parseBlobUri(uri));
    const properties = await requireSource(blob);
    const { size } = properties;
    const verdict = judgeBlob(properties);
    const other = findProblem(verdict, 'not-a-page-blob');
    if (other)
      throw new VhdupError('disk-unsupported', `${blob.uri}: ${refusalOf(other)}`, {
        hint: 'only page blobs are disks; fetch other blobs with azcopy',
      });
    const unfinished = findProblem(verdict, 'copy-pending', 'unfinished-push', 'unfinished-elsewhere');
    if (unfinished)
      throw new VhdupError('blob-unfinished', `${blob.uri}: ${refusalOf(unfinished)}`, {
        hint: 'finish it first: run the push again, or wait for the copy',
      });
    const tail =
      size < 2 * FOOTER_LENGTH
        ? 'it is too small for one'
        : parseFixedTail(await whileUnchanged(blob, () => readFooter(blob, properties)));
    if (typeof tail === 'string') {
      if (format !== 'raw')
        throw new VhdupError('disk-invalid', `${blob.uri}: ${refusalOf({ kind: 'not-a-vhd', reason: tail })}`, {
          hint: `${option('format', 'raw')} fetches the whole blob as it is`,
        });
      session.warn({
        code: 'not-a-vhd',
        message: `${blob.uri} is not a fixed VHD (${tail}): the whole blob is fetched as it is`,
      });
      return new PullSource(blob, properties, verdict, undefined);
    }
    const content = size - FOOTER_LENGTH;
    if (tail.size === 0 || tail.size % FOOTER_LENGTH !== 0 || tail.size > content) {
      throw new VhdupError(
        'disk-invalid',
        `${blob.uri}: footer current size: ${tail.size} does not fit the ${content} bytes before the footer`,
        { hint: 'the blob is not a valid disk' },
      );
    }
    if (tail.size < content)
      session.warn({
        code: 'trailing-data',
        message: `${blob.uri} holds ${formatSize(content - tail.size)} between the disk's ${formatSize(tail.size)} and the footer, as some older tools leave them${format === 'fixed' ? '' : '; they are not part of the disk'}`,
      });
    if (format === 'dynamic') checkSparseSize(tail.size, blob.uri);
    return new PullSource(blob, properties, verdict, tail);
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

/** Runs a request. Throws `source-changed` if the service answers that the blob has changed (412) or is gone (404). */
async function whileUnchanged<T>(blob: PageBlob, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof VhdupError) || !hasStatus(error, 404, 412)) throw error;
    throw new VhdupError(
      'source-changed',
      `${blob.uri}: it ${hasStatus(error, 412) ? 'changed' : 'was deleted'} while it was pulled`,
      { cause: error, hint: 'run the same command again: it starts from the beginning' },
    );
  }
}
