import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { FOOTER, act, forgetBlobs, rangeOf } from './sink-blobs.js';

/**
 * A blob service that throws the pages away, so that what is measured is the client; block blobs it keeps. It speaks as
 * much of the protocol as `vhdup` and `azcopy` need for one full upload. Its parent speaks to it by messages: limits in, a report out.
 */

/** What slows the answers; 0 or absent: nothing. */
export interface Limits {
  /** Every answer waits so long. */
  readonly latencyMs?: number;
  readonly bytesPerSecondPerConnection?: number;
  /** For all connections together. */
  readonly bytesPerSecond?: number;
}

/** What happened since the limits were last set. */
export interface SinkReport {
  /** Requests by kind, such as `put-page`. */
  readonly requests: Readonly<Record<string, number>>;
  /** Bytes of pages. */
  readonly bytes: number;
  /** Every Put Page that was answered, in the order of the answers. */
  readonly puts: readonly (readonly [offset: number, length: number])[];
  /** From the first Put Page to the last answer to one; the last 512 bytes of a blob, which come alone, do not count. */
  readonly writingMs: number;
  /** The longest time from a request's header to its answer. */
  readonly oldestRequestMs: number;
  /** Requests that the client gave up, and Put Page requests for an offset that was put before. */
  readonly givenUp: number;
  readonly repeated: number;
  readonly mostOpen: number;
}

/** How far a slow reader may catch up after a late timer, in ms. */
const CATCH_UP_MS = 100;
let limits: Limits = {};
let open = 0;
/** When the shared line is free again. */
const line = { freeAt: 0 };
const lines = new WeakMap<Socket, { freeAt: number }>();
let tally = newTally();

function newTally() {
  return {
    requests: {} as Record<string, number>,
    bytes: 0,
    puts: [] as [number, number][],
    offsets: new Set<number>(),
    firstPut: Infinity,
    lastAnswer: -Infinity,
    oldestRequestMs: 0,
    givenUp: 0,
    repeated: 0,
    mostOpen: 0,
  };
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  serve(request, response);
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});

process.on('message', (message: { limits?: Limits; report?: true }) => {
  if (message.limits) {
    limits = message.limits;
    tally = newTally();
    forgetBlobs();
  }
  process.send?.({ report: reportOf() });
});
process.on('disconnect', () => {
  process.exit();
});

function reportOf(): SinkReport {
  const { requests, bytes, puts, firstPut, lastAnswer, oldestRequestMs, givenUp, repeated, mostOpen } = tally;
  return {
    requests,
    bytes,
    puts,
    writingMs: Math.max(0, lastAnswer - firstPut),
    oldestRequestMs,
    givenUp,
    repeated,
    mostOpen,
  };
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  const began = performance.now();
  const url = new URL(request.url ?? '/', 'http://sink');
  const kind = kindOf(request, url.searchParams);
  const counted = kind === 'read' && url.pathname.endsWith('.vhdup-leaves') ? 'read-leaves' : kind;
  tally.requests[counted] = (tally.requests[counted] ?? 0) + 1;
  tally.mostOpen = Math.max(tally.mostOpen, ++open);
  let received = 0;
  const kept: Buffer[] = [];
  const isFooter = kind === 'put-page' && Number(request.headers['content-length']) === FOOTER;
  const isKept = isFooter || ['create', 'put-block', 'put-block-list'].includes(kind);
  startLine(request.socket, began);
  request.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (isKept) kept.push(chunk);
    const waitMs = reserve(request.socket, chunk.length);
    if (waitMs < 1) return;
    request.pause();
    setTimeout(() => {
      request.resume();
    }, waitMs);
  });
  request.on('end', () => {
    if (limits.latencyMs) setTimeout(answer, limits.latencyMs);
    else answer();
  });
  response.on('close', () => {
    open--;
    if (!response.writableFinished) tally.givenUp++;
    tally.oldestRequestMs = Math.max(tally.oldestRequestMs, performance.now() - began);
  });

  function answer(): void {
    const blob = act(kind, { request, response, url, body: Buffer.concat(kept) });
    if (kind === 'put-page' && blob) {
      const offset = Number(/\d+/.exec(rangeOf(request))?.[0]);
      if (tally.offsets.has(offset)) tally.repeated++;
      tally.offsets.add(offset);
      tally.puts.push([offset, received]);
      tally.bytes += received;
      blob.pages.push([offset, received]);
      if (offset !== blob.size - FOOTER) {
        tally.firstPut = Math.min(tally.firstPut, began);
        tally.lastAnswer = Math.max(tally.lastAnswer, performance.now());
      }
    }
    response.end();
  }
}

/** A request has nothing to catch up with: its line is free from now on, at the earliest. */
function startLine(socket: Socket, now: number): void {
  const own = lines.get(socket) ?? { freeAt: now };
  own.freeAt = Math.max(own.freeAt, now);
  lines.set(socket, own);
}

/** How long to wait until bytes have come through, in ms. */
function reserve(socket: Socket, bytes: number): number {
  const now = performance.now();
  let until = now;
  for (const [rate, of] of [
    [limits.bytesPerSecondPerConnection, lines.get(socket)],
    [limits.bytesPerSecond, line],
  ] as const) {
    if (!rate || !of) continue;
    of.freeAt = Math.max(of.freeAt, now - CATCH_UP_MS) + (bytes / rate) * 1000;
    until = Math.max(until, of.freeAt);
  }
  return until - now;
}

function kindOf({ method, headers }: IncomingMessage, query: URLSearchParams): string {
  if (query.get('restype') === 'container') return 'container';
  const comp = query.get('comp');
  if (comp === 'page') return headers['x-ms-page-write'] === 'clear' ? 'clear-pages' : 'put-page';
  if (comp === 'pagelist') return 'page-ranges';
  if (comp === 'lease' || comp === 'metadata') return comp;
  if (comp === 'properties') return 'set-headers';
  if (comp === 'block') return 'put-block';
  if (comp === 'blocklist') return 'put-block-list';
  if (comp !== null) return 'other';
  return { HEAD: 'get-properties', GET: 'read', PUT: 'create', DELETE: 'delete' }[method ?? ''] ?? 'other';
}
