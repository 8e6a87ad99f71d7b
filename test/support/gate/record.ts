import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export type RequestKind =
  | 'create'
  | 'put-page'
  | 'clear-pages'
  | 'copy-range'
  | 'copy'
  | 'abort-copy'
  | 'lease'
  | 'properties'
  | 'headers'
  | 'metadata'
  | 'resize'
  | 'page-ranges'
  | 'read'
  | 'snapshot'
  | 'delete'
  | 'list'
  | 'other';

/** The kinds that change something. */
export const WRITES: ReadonlySet<RequestKind> = new Set([
  'create',
  'put-page',
  'clear-pages',
  'copy-range',
  'copy',
  'lease',
  'headers',
  'metadata',
  'resize',
  'snapshot',
  'delete',
]);

/** One request as it came by. */
export interface GateRecord {
  /** Counted from 1. */
  readonly index: number;
  readonly kind: RequestKind;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Of Put Page, Put Page From URL, Clear Pages and reads. */
  readonly range: { readonly offset: number; readonly length: number } | undefined;
  /** 0 until the body has come. */
  bodyLength: number;
  /** Of the body, in base64; empty where there is none. */
  bodyMd5: string;
  /** The body itself, where the gate keeps bodies. */
  body: Buffer | undefined;
  /** Of the answer; 0 until there is one. */
  status: number;
}

/** What the head of a request tells. */
export function recordOf(index: number, { method = '', url = '', headers }: IncomingMessage): GateRecord {
  const [, start, end] = /bytes=(\d+)-(\d+)/.exec(String(headers['x-ms-range'] ?? headers['range'] ?? '')) ?? [];
  const range =
    start === undefined || end === undefined
      ? undefined
      : { offset: Number(start), length: Number(end) - Number(start) + 1 };
  return {
    index,
    kind: kindOf(method, queryOf(url), headers),
    method,
    url,
    headers,
    range,
    bodyLength: 0,
    bodyMd5: '',
    body: undefined,
    status: 0,
  };
}

/** Completes a record with its body. */
export function noteBody(record: GateRecord, body: Buffer, isKept: boolean): void {
  record.bodyLength = body.length;
  if (body.length > 0) record.bodyMd5 = createHash('md5').update(body).digest('base64');
  if (isKept) record.body = body;
}

/** `/account/container/blob`, decoded, without the query. */
export function blobPathOf(url: string): string {
  return decodeURIComponent(new URL(url, 'http://gate').pathname);
}

export function queryOf(url: string): URLSearchParams {
  return new URL(url, 'http://gate').searchParams;
}

function kindOf(method: string, query: URLSearchParams, headers: IncomingMessage['headers']): RequestKind {
  const comp = query.get('comp');
  if (method === 'HEAD') return 'properties';
  if (method === 'DELETE') return 'delete';
  if (method === 'GET') return comp === 'list' ? 'list' : comp === 'pagelist' ? 'page-ranges' : 'read';
  switch (comp) {
    case 'page':
      if (headers['x-ms-copy-source'] !== undefined) return 'copy-range';
      return headers['x-ms-page-write'] === 'clear' ? 'clear-pages' : 'put-page';
    case 'copy':
      return 'abort-copy';
    case 'lease':
      return 'lease';
    case 'metadata':
      return 'metadata';
    case 'snapshot':
      return 'snapshot';
    case 'properties':
      return headers['x-ms-blob-content-length'] === undefined ? 'headers' : 'resize';
    case null:
      return headers['x-ms-copy-source'] === undefined ? (query.has('restype') ? 'other' : 'create') : 'copy';
    default:
      return 'other';
  }
}
