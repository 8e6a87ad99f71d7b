import { VhdupError } from '../errors.js';
import { parseBlobUri } from '../azure/location.js';
import { isChangedSince, isUnfinishedElsewhere, notedTree, stateOf, type PushState } from '../protocol/push-record.js';
import { FOOTER_LENGTH, parseFixedTail } from '../protocol/fixed-vhd.js';
import { rangeSet, totalLength } from '../bytes/range.js';
import type { SessionOptions } from '../session/options.js';
import { Session } from '../session/session.js';

/** What a blob is, seen as a disk. */
export interface BlobReport {
  readonly uri: string;
  readonly type: string | undefined;
  /** Bytes, the footer included. */
  readonly size: number;
  /** Bytes in written pages; `undefined` where the blob is no page blob. */
  readonly allocated: number | undefined;
  readonly id: string | undefined;
  /** Virtual size in bytes, as the footer has it; `undefined` where there is no footer. */
  readonly virtualSize: number | undefined;
  /** Base64. */
  readonly contentMd5: string | undefined;
  readonly etag: string;
  /** What the last push says of itself. */
  readonly push: PushState | undefined;
  readonly protection: string | undefined;
  /** What is wrong with it as a disk or as a base. */
  readonly problems: readonly string[];
}

/** Reads what the service and the footer say of a blob; throws `destination-missing` where there is none. */
export async function inspectBlob(uri: string, options: SessionOptions = {}): Promise<BlobReport> {
  const session = new Session(options);
  const blob = await session.blob(parseBlobUri(uri));
  const properties = await blob.properties();
  if (!properties)
    throw new VhdupError('destination-missing', `${blob.uri}: there is no such blob`, {
      hint: 'check the name, and that the credential may read it',
    });
  const { type, size, etag, contentMd5, metadata, protection, copy, lastModified } = properties;
  const isPageBlob = type === 'PageBlob';
  const tail =
    size >= FOOTER_LENGTH
      ? parseFixedTail(await blob.read({ offset: size - FOOTER_LENGTH, length: FOOTER_LENGTH }, { ifMatch: etag }))
      : 'the blob is too small for a footer';
  const push = stateOf(metadata);
  const problems = [
    isPageBlob ? undefined : `it is a ${type ?? 'blob of unknown type'}, not a page blob`,
    typeof tail === 'string'
      ? `no fixed VHD: ${tail}`
      : tail.id === undefined
        ? 'the unique id is all zeros: it cannot be a base'
        : undefined,
    contentMd5 || notedTree(push, contentMd5) ? undefined : 'no Content-MD5: as a base its content cannot be checked',
    copy?.status === 'pending' ? 'it is still being copied to' : undefined,
    push && push.state !== 'complete'
      ? `an unfinished push (${push.state}): run the same push again to resume it`
      : undefined,
    push && isChangedSince(push, lastModified)
      ? `written to after the push was completed, last at ${lastModified.toISOString()}: its digests prove nothing any longer`
      : undefined,
    isUnfinishedElsewhere(metadata, contentMd5 !== undefined) ? 'an unfinished upload of another tool' : undefined,
  ];
  return {
    uri: blob.uri,
    type,
    size,
    allocated: isPageBlob ? totalLength(rangeSet(await blob.pageRanges({ ifMatch: etag }))) : undefined,
    id: typeof tail === 'string' ? undefined : tail.id,
    virtualSize: typeof tail === 'string' ? undefined : tail.size,
    contentMd5: contentMd5?.toString('base64'),
    etag,
    push,
    protection,
    problems: problems.filter((problem) => problem !== undefined),
  };
}
