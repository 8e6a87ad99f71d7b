import type { IncomingMessage } from 'node:http';
import { RestError } from '@azure/storage-blob';
import { RequestAborted } from './exchange.js';

/** The most bytes that are read of an answer without a listing, such as an error. The service's own have some hundred bytes, and only the first line is shown. */
const MAX_SHORT_BYTES = 64 * 1024;
/** The most bytes of a page of a listing: more than 5,000 blobs with all the metadata that they may have. */
const MAX_LISTING_BYTES = 64 * 1024 * 1024;

/**
 * Returns the text of an answer. Of most answers only the first `MAX_SHORT_BYTES` are read, and the rest is not received. With
 * `hasListing`, all of an answer with a status below 300 is read. Throws a `RestError` if the answer is cut short, or a listing is
 * longer than `MAX_LISTING_BYTES`.
 */
export function readText(incoming: IncomingMessage, hasListing = false): Promise<string> {
  const isWhole = hasListing && (incoming.statusCode ?? 0) < 300;
  const most = isWhole ? MAX_LISTING_BYTES : MAX_SHORT_BYTES;
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    incoming.on('data', (part: Buffer) => {
      parts.push(part.subarray(0, Math.max(0, most - length)));
      length += part.length;
      if (length <= most) return;
      if (!isWhole) resolve(Buffer.concat(parts).toString());
      else
        reject(
          new RestError(`the answer is longer than ${most / 1024 / 1024} MiB`, {
            code: 'ANSWER_TOO_LONG',
            ...(incoming.statusCode === undefined ? {} : { statusCode: incoming.statusCode }),
          }),
        );
      incoming.destroy();
    });
    incoming.once('end', () => {
      resolve(parts.length === 0 ? '' : Buffer.concat(parts).toString());
    });
    incoming.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error instanceof RequestAborted || error instanceof RestError
          ? error
          : new RestError(`the answer was cut short: ${error.message}`, { code: error.code ?? RestError.PARSE_ERROR }),
      );
    });
  });
}
