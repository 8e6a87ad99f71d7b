import type { Range } from '../bytes/range.js';
import { formatSize } from '../bytes/format-size.js';
import { VhdupError } from '../errors.js';
import type { Conditions } from './conditions.js';
import type { PageBlob } from './page-blob.js';
import { ServiceFailure } from './service-error.js';
import { sourceAccess } from './source-access.js';

/** Where the service copies a range from. */
export interface RangeSource {
  readonly blob: PageBlob;
  /** The state in which it was checked. */
  readonly etag: string;
  /** Of the range in the source, in bytes: whole pages. */
  readonly offset: number;
  /** The MD5 of the bytes that are expected there. */
  readonly md5: Uint8Array;
}

/** How the copy of a range has ended. If it was refused, the range has to be sent. */
export type RangeCopy =
  | { readonly kind: 'copied' }
  | {
      readonly kind: 'refused';
      /** What was attempted, and why it was refused, in words and without secrets. */
      readonly problem: string;
      /** True if it is refused for every range of this source, and not only for this one. */
      readonly isForGood: boolean;
    };

/**
 * Has the service copy whole pages, at most 4 MiB, from another blob: Put Page From URL. No content passes this machine. The service
 * proves that it copies bytes with the MD5 of `source`, and that the source has its ETag. If it does not do that, because it cannot
 * read the source, has other bytes there, or does not know the request, the result is `refused`: the range has to be written.
 * Throws `base-mismatch` if the source has another ETag, and for the destination what a write throws.
 */
export async function copyRange(
  destination: PageBlob,
  range: Range,
  source: RangeSource,
  conditions: Conditions,
): Promise<RangeCopy> {
  const what = `copy ${formatSize(range.length)} of ${source.blob.uri} to offset ${range.offset}`;
  const { token } = source.blob.credentials;
  let sent: string | undefined;
  const attempt = () =>
    destination.run(what, async (abortSignal): Promise<RangeCopy> => {
      const access = await sourceAccess(source.blob, destination, abortSignal);
      if (typeof access === 'string') return refused(`${destination.uri}: cannot ${what}: ${access}`, true);
      sent = access.authorization;
      const { contentMD5 } = await destination.client.uploadPagesFromURL(
        access.url,
        source.offset,
        range.offset,
        range.length,
        {
          abortSignal,
          conditions: { ...conditions },
          sourceConditions: { ifMatch: source.etag },
          sourceContentMD5: source.md5,
          ...(sent === undefined
            ? {}
            : { sourceAuthorization: { scheme: 'Bearer', value: sent.replace(/^Bearer /, '') } }),
        },
      );
      // A server that does not know the header for the MD5 would have copied whatever is there.
      if (contentMD5 && !Buffer.from(contentMD5).equals(source.md5))
        return refused(`${destination.uri}: cannot ${what}: the service copied other bytes than expected`, true);
      return { kind: 'copied' };
    });
  try {
    try {
      return await attempt();
    } catch (error) {
      // The source's account does not take the token: it was withdrawn, or has expired. A new one is tried once.
      if (!token || sent === undefined || failureOf(error)?.copySource?.status !== 401) throw error;
      token.refuse(sent, undefined);
      return await attempt();
    }
  } catch (error) {
    return refusalFrom(error, source, conditions);
  }
}

function refused(problem: string, isForGood: boolean): RangeCopy {
  return { kind: 'refused', problem, isForGood };
}

/**
 * Returns true if the source has another ETag. The service has several ways to say so. Without a condition for the destination,
 * only that of the source can be the one that does not hold.
 */
function isChanged({ status, code, copySource }: ServiceFailure, { ifMatch, ifNoneMatch }: Conditions): boolean {
  if (copySource?.status === 412) return true;
  if (status !== 412) return false;
  if (code === 'SourceConditionNotMet' || code === 'CannotVerifyCopySource') return true;
  return code === 'ConditionNotMet' && ifMatch === undefined && ifNoneMatch === undefined;
}

function failureOf(error: unknown): ServiceFailure | undefined {
  return error instanceof VhdupError && error.cause instanceof ServiceFailure ? error.cause : undefined;
}

/** Codes of 400 for a request that the server does not take, whatever the range. */
const NOT_TAKEN: ReadonlySet<string> = new Set([
  'CopyAcrossAccountsNotSupported',
  'InvalidHeaderValue',
  'InvalidInput',
  'InvalidSourceBlobUrl',
  'UnsupportedHeader',
]);

/** Codes of 409 that speak of the destination: a write is refused with them too. */
const OF_DESTINATION = /^(Blob|Container|Account|Lease|Snapshot|Operation|Pending|InvalidBlobType|InvalidResourceType)/;

/** Returns a refusal of the source, or of the kind of request. Throws all other errors: those of the destination, and passing ones. */
function refusalFrom(error: unknown, { blob }: RangeSource, conditions: Conditions): RangeCopy {
  const failure = failureOf(error);
  if (!failure || !(error instanceof VhdupError)) throw error;
  const { status, code = '', copySource } = failure;
  const isOfSource = code === 'CannotVerifyCopySource' || copySource !== undefined;
  if (isChanged(failure, conditions))
    throw new VhdupError('base-mismatch', `the base ${blob.uri} was changed while ranges were copied from it`, {
      cause: failure,
      requestId: failure.requestId,
      hint: 'run the same command again: it checks the base again',
    });
  const said = copySource
    ? `; the base: ${[copySource.status, copySource.code].filter((part) => part !== undefined).join(' ')}`
    : '';
  const problem = `${error.message}${said}`;
  if (status === 501) return refused(problem, true);
  // The ETag is right, so only this range can be the reason for a range that does not exist, and for other bytes.
  if (isOfSource) return refused(problem, copySource?.status !== 416);
  if (status === 400 && code === 'Md5Mismatch') return refused(problem, false);
  if (status === 400 && NOT_TAKEN.has(code)) return refused(problem, true);
  if (status === 409 && !OF_DESTINATION.test(code)) return refused(problem, true);
  throw error;
}
