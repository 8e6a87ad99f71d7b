import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { parseBlobUri } from '../../src/azure/location.js';
import type { PageBlob } from '../../src/azure/page-blob.js';
import type { RetryPolicy } from '../../src/run/retry.js';
import { Session } from '../../src/session/session.js';

/** Between two pieces that are dripped. */
export const DRIP_MS = 20;

/** A blob on a server that does what `listener` says, and how many requests have come. */
export async function serveBlob(
  t: Test,
  listener: RequestListener,
  { limit, ...retry }: Partial<RetryPolicy> & { readonly attempts: number; readonly limit?: number | undefined },
): Promise<{ blob: PageBlob; requests: () => number }> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const session = new Session({ environment: {}, limit, retry: { firstDelayMs: 1, maxDelayMs: 1, ...retry } });
  return {
    blob: await session.blob(
      parseBlobUri(`http://127.0.0.1:${(server.address() as AddressInfo).port}/acct/vhds/b?sig=c2VjcmV0c2VjcmV0`),
    ),
    requests: () => requests,
  };
}

/** The headers of an answer to a read of the first `length` bytes. */
export const headOf = (length: number) => ({
  'content-length': length,
  etag: '"1"',
  'last-modified': new Date(0).toUTCString(),
  'content-range': `bytes 0-${length - 1}/${length}`,
});

/** Sends a text, `each` characters at a time, and ends the answer. */
export async function drip(response: ServerResponse, text: string, each = 1): Promise<void> {
  for (let sent = 0; sent < text.length && !response.destroyed; sent += each) {
    response.write(text.slice(sent, sent + each));
    await sleep(DRIP_MS);
  }
  response.end();
}

/** Sends up to `length` bytes, as fast as they are taken, and ends the answer; says in `sent` how many were. */
export async function pour(response: ServerResponse, length: number, sent: { bytes: number }): Promise<void> {
  const piece = Buffer.alloc(1024 * 1024, ' ');
  let isOpen = true;
  response.on('close', () => {
    isOpen = false;
  });
  for (; isOpen && sent.bytes < length; sent.bytes += piece.length) {
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
  response.end();
}
