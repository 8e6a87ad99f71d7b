import type { IncomingMessage, ServerResponse } from 'node:http';

/** The blobs of the sink: page blobs without content, and block blobs with theirs. */

export interface Blob {
  size: number;
  etag: string;
  lastModified: string;
  contentType: string;
  contentMd5: string | undefined;
  metadata: Record<string, string>;
  lease: { id: string; infinite: boolean } | undefined;
  pages: (readonly [offset: number, length: number])[];
  /** Of a block blob; `undefined`: a page blob. */
  content: Buffer | undefined;
  /** The last 512 bytes of a page blob, which come alone. */
  footer: Buffer | undefined;
  /** That are in no list yet, by their ids. */
  readonly blocks: Map<string, Buffer>;
}

/** A request that was received, and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** Of requests for block blobs. */
  readonly body: Buffer;
}

export const FOOTER = 512;
const blobs = new Map<string, Blob>();
let changes = 0;

export function forgetBlobs(): void {
  blobs.clear();
}

export function rangeOf({ headers }: IncomingMessage): string {
  return String(headers['x-ms-range'] ?? headers.range ?? '');
}

/** Does what a request asks for and writes the head of the answer; returns its blob where there is one. */
export function act(kind: string, exchange: Exchange): Blob | undefined {
  const { request, response, url, body } = exchange;
  const { headers } = request;
  response.setHeader('x-ms-version', String(headers['x-ms-version'] ?? '2021-12-02'));
  response.setHeader('x-ms-request-id', String(++changes));
  const isCreation = kind === 'create' || kind === 'put-block' || kind === 'put-block-list';
  if (kind === 'create' && headers['if-none-match'] === '*' && blobs.has(url.pathname)) {
    refuse(response, 409, 'BlobAlreadyExists');
    return undefined;
  }
  if (kind === 'create' || (isCreation && !blobs.has(url.pathname))) blobs.set(url.pathname, newBlob(headers, body));
  const blob = blobs.get(url.pathname);
  if (kind === 'container') {
    response.statusCode = 200;
    return undefined;
  }
  if (!blob) {
    refuse(response, 404, 'BlobNotFound');
    return undefined;
  }
  if (isCreation || ['put-page', 'clear-pages', 'metadata', 'set-headers'].includes(kind)) touch(blob);
  if (kind === 'put-page' && body.length === FOOTER && rangeOf(request).includes(`=${blob.size - FOOTER}-`))
    blob.footer = body;
  if (kind === 'put-block') blob.blocks.set(url.searchParams.get('blockid') ?? '', body);
  if (kind === 'put-block-list') commit(blob, headers, body);
  if (kind === 'metadata') blob.metadata = metadataOf(headers);
  if (kind === 'set-headers') {
    blob.contentMd5 = header(headers['x-ms-blob-content-md5']);
    blob.contentType = header(headers['x-ms-blob-content-type']) ?? blob.contentType;
  }
  response.setHeader('etag', blob.etag);
  response.setHeader('last-modified', blob.lastModified);
  response.setHeader('x-ms-blob-sequence-number', '0');
  response.statusCode =
    { 'put-page': 201, 'clear-pages': 201, delete: 202, read: 206 }[kind] ?? (isCreation ? 201 : 200);
  if (kind === 'put-page' && headers['content-md5'] !== undefined)
    response.setHeader('content-md5', headers['content-md5']);
  if (kind === 'delete') blobs.delete(url.pathname);
  if (kind === 'lease') lease(blob, request, response);
  if (kind === 'get-properties') describe(blob, response);
  if (kind === 'read') read(blob, request, response);
  if (kind === 'page-ranges') listPages(blob, response);
  return blob;
}

function newBlob(headers: IncomingMessage['headers'], body: Buffer): Blob {
  const isOfPages = headers['x-ms-blob-type'] === 'PageBlob';
  return {
    size: isOfPages ? Number(headers['x-ms-blob-content-length'] ?? 0) : body.length,
    etag: '',
    lastModified: '',
    contentType: header(headers['x-ms-blob-content-type']) ?? 'application/octet-stream',
    contentMd5: header(headers['x-ms-blob-content-md5']),
    metadata: metadataOf(headers),
    lease: undefined,
    pages: [],
    content: isOfPages ? undefined : body,
    footer: undefined,
    blocks: new Map(),
  };
}

/** Put Block List: the blob gets the blocks that the body lists, in its order. */
function commit(blob: Blob, headers: IncomingMessage['headers'], body: Buffer): void {
  const ids = [...body.toString().matchAll(/<(?:Latest|Uncommitted|Committed)>([^<]*)</g)].map(([, id = '']) => id);
  blob.content = Buffer.concat(ids.map((id) => blob.blocks.get(id) ?? Buffer.alloc(0)));
  blob.size = blob.content.length;
  blob.metadata = metadataOf(headers);
  blob.blocks.clear();
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

function describe({ size, content, contentType, contentMd5, metadata, lease }: Blob, response: ServerResponse): void {
  response.setHeader('content-length', size);
  response.setHeader('content-type', contentType);
  if (contentMd5 !== undefined) response.setHeader('content-md5', contentMd5);
  for (const [key, value] of Object.entries(metadata)) response.setHeader(key, value);
  response.setHeader('x-ms-blob-type', content ? 'BlockBlob' : 'PageBlob');
  response.setHeader('x-ms-lease-state', lease ? 'leased' : 'available');
  response.setHeader('x-ms-lease-status', lease ? 'locked' : 'unlocked');
  if (lease) response.setHeader('x-ms-lease-duration', lease.infinite ? 'infinite' : 'fixed');
}

/** Of a page blob zeros: the pages are gone. */
function read({ size, content, footer, metadata }: Blob, request: IncomingMessage, response: ServerResponse): void {
  const [from = 0, last = size - 1] = (rangeOf(request).match(/\d+/g) ?? []).map(Number);
  if (from >= size) {
    refuse(response, 416, 'InvalidRange');
    return;
  }
  const to = Math.min(last, size - 1);
  for (const [key, value] of Object.entries(metadata)) response.setHeader(key, value);
  response.setHeader('x-ms-blob-type', content ? 'BlockBlob' : 'PageBlob');
  response.setHeader('content-range', `bytes ${from}-${to}/${size}`);
  response.setHeader('content-length', to - from + 1);
  const isFooter = footer !== undefined && from === size - FOOTER;
  response.write(content?.subarray(from, to + 1) ?? (isFooter ? footer : Buffer.alloc(to - from + 1)));
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
