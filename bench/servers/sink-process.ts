import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/**
 * A blob service that throws the pages away, so that what is measured is the client. It speaks as much of the protocol as
 * `vhdup` and `azcopy` need for one full upload. Its parent speaks to it by messages: limits in, a report out.
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

interface Blob {
  size: number;
  etag: string;
  lastModified: string;
  contentType: string;
  contentMd5: string | undefined;
  metadata: Record<string, string>;
  lease: { id: string; infinite: boolean } | undefined;
  pages: (readonly [offset: number, length: number])[];
}

/** How far a slow reader may catch up after a late timer, in ms. */
const CATCH_UP_MS = 100;
const blobs = new Map<string, Blob>();
let limits: Limits = {};
let changes = 0;
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
    blobs.clear();
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
  tally.requests[kind] = (tally.requests[kind] ?? 0) + 1;
  tally.mostOpen = Math.max(tally.mostOpen, ++open);
  let received = 0;
  startLine(request.socket, began);
  request.on('data', (chunk: Buffer) => {
    received += chunk.length;
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
    const blob = act(kind, request, response, url);
    if (kind === 'put-page' && blob) {
      const offset = Number(/\d+/.exec(rangeOf(request))?.[0]);
      if (tally.offsets.has(offset)) tally.repeated++;
      tally.offsets.add(offset);
      tally.puts.push([offset, received]);
      tally.bytes += received;
      blob.pages.push([offset, received]);
      if (offset !== blob.size - 512) {
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
  if (comp !== null) return 'other';
  return { HEAD: 'get-properties', GET: 'read', PUT: 'create', DELETE: 'delete' }[method ?? ''] ?? 'other';
}

function rangeOf({ headers }: IncomingMessage): string {
  return String(headers['x-ms-range'] ?? headers.range ?? '');
}

/** Does what a request asks for and writes the head of the answer; returns its blob where there is one. */
function act(kind: string, request: IncomingMessage, response: ServerResponse, url: URL): Blob | undefined {
  const { headers } = request;
  response.setHeader('x-ms-version', String(headers['x-ms-version'] ?? '2021-12-02'));
  response.setHeader('x-ms-request-id', String(++changes));
  if (kind === 'create') blobs.set(url.pathname, newBlob(headers));
  const blob = blobs.get(url.pathname);
  if (kind === 'container') {
    response.statusCode = 200;
    return undefined;
  }
  if (!blob) {
    refuse(response, 404, 'BlobNotFound');
    return undefined;
  }
  if (['create', 'put-page', 'clear-pages', 'metadata', 'set-headers'].includes(kind)) touch(blob);
  if (kind === 'metadata') blob.metadata = metadataOf(headers);
  if (kind === 'set-headers') {
    blob.contentMd5 = header(headers['x-ms-blob-content-md5']);
    blob.contentType = header(headers['x-ms-blob-content-type']) ?? blob.contentType;
  }
  response.setHeader('etag', blob.etag);
  response.setHeader('last-modified', blob.lastModified);
  response.setHeader('x-ms-blob-sequence-number', '0');
  response.statusCode =
    { create: 201, 'put-page': 201, 'clear-pages': 201, delete: 202, lease: 200, read: 206 }[kind] ?? 200;
  if (kind === 'put-page' && headers['content-md5'] !== undefined)
    response.setHeader('content-md5', headers['content-md5']);
  if (kind === 'delete') blobs.delete(url.pathname);
  if (kind === 'lease') lease(blob, request, response);
  if (kind === 'get-properties') describe(blob, response);
  if (kind === 'read') read(blob, request, response);
  if (kind === 'page-ranges') listPages(blob, response);
  return blob;
}

function newBlob(headers: IncomingMessage['headers']): Blob {
  return {
    size: Number(headers['x-ms-blob-content-length'] ?? 0),
    etag: '',
    lastModified: '',
    contentType: header(headers['x-ms-blob-content-type']) ?? 'application/octet-stream',
    contentMd5: header(headers['x-ms-blob-content-md5']),
    metadata: metadataOf(headers),
    lease: undefined,
    pages: [],
  };
}

function touch(blob: Blob): void {
  blob.etag = `"0x${(++changes).toString(16)}"`;
  blob.lastModified = new Date().toUTCString();
}

function lease(blob: Blob, { headers }: IncomingMessage, response: ServerResponse): void {
  const action = headers['x-ms-lease-action'];
  const held = header(headers['x-ms-lease-id']);
  const proposed = header(headers['x-ms-proposed-lease-id']);
  if (action === 'release' || action === 'break') blob.lease = undefined;
  else blob.lease = { id: proposed ?? held ?? '', infinite: headers['x-ms-lease-duration'] === '-1' };
  response.statusCode = { acquire: 201, break: 202 }[String(action)] ?? 200;
  if (blob.lease) response.setHeader('x-ms-lease-id', blob.lease.id);
  if (action === 'break') response.setHeader('x-ms-lease-time', '0');
}

function describe({ size, contentType, contentMd5, metadata, lease }: Blob, response: ServerResponse): void {
  response.setHeader('content-length', size);
  response.setHeader('content-type', contentType);
  if (contentMd5 !== undefined) response.setHeader('content-md5', contentMd5);
  for (const [key, value] of Object.entries(metadata)) response.setHeader(key, value);
  response.setHeader('x-ms-blob-type', 'PageBlob');
  response.setHeader('x-ms-lease-state', lease ? 'leased' : 'available');
  response.setHeader('x-ms-lease-status', lease ? 'locked' : 'unlocked');
  if (lease) response.setHeader('x-ms-lease-duration', lease.infinite ? 'infinite' : 'fixed');
}

/** Zeros: the pages are gone. */
function read({ size }: Blob, request: IncomingMessage, response: ServerResponse): void {
  const [from = 0, to = size - 1] = (rangeOf(request).match(/\d+/g) ?? []).map(Number);
  response.setHeader('content-range', `bytes ${from}-${to}/${size}`);
  response.setHeader('content-length', to - from + 1);
  response.write(Buffer.alloc(to - from + 1));
}

function listPages({ size, pages }: Blob, response: ServerResponse): void {
  const ranges = pages.map(
    ([offset, length]) => `<PageRange><Start>${offset}</Start><End>${offset + length - 1}</End></PageRange>`,
  );
  response.setHeader('x-ms-blob-content-length', size);
  response.setHeader('content-type', 'application/xml');
  response.write(`<?xml version="1.0" encoding="utf-8"?><PageList>${ranges.join('')}</PageList>`);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.statusCode = status;
  response.setHeader('x-ms-error-code', code);
}

function metadataOf(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([key]) => key.startsWith('x-ms-meta-'))
      .map(([key, value]) => [key, String(value)]),
  );
}

function header(value: string | string[] | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : String(value);
}
