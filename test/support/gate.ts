import { once } from 'node:events';
import { Agent, createServer, request as forward, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { addressOf, type Azurite } from './azurite.js';

export type RequestKind =
  | 'create' | 'put-page' | 'clear-pages' | 'copy' | 'abort-copy' | 'lease' | 'properties' | 'headers' | 'metadata' | 'resize'
  | 'page-ranges' | 'read' | 'snapshot' | 'delete' | 'list' | 'other';

/** One request as it came by. */
export interface GateRecord {
  /** Counted from 1. */
  readonly index: number;
  readonly kind: RequestKind;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Of Put Page, Clear Pages and reads. */
  readonly range: { readonly offset: number; readonly length: number } | undefined;
  readonly bodyLength: number;
  /** Of the answer; 0 until there is one. */
  status: number;
}

/** An answer that the gate gives itself. */
export interface OwnAnswer {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
}

/** An HTTP proxy before an Azurite: it records every request, and can step in before and after it is served. */
export interface Gate extends Azurite {
  records: GateRecord[];
  /** Keeps the server's name from the tool, so that it takes it for the real service. */
  hidesEmulator: boolean;
  /** Resolves when no request is under way. */
  idle(): Promise<void>;
  /** Before a request is passed on: an answer keeps it from Azurite, `drop` closes the connection. */
  onRequest: (record: GateRecord) => void | OwnAnswer | 'drop' | Promise<void | OwnAnswer | 'drop'>;
  /** After Azurite has done it: `drop` loses the answer. */
  onAnswer: (record: GateRecord) => void | 'drop' | Promise<void | 'drop'>;
}

/** Starts a gate before `target`. Requests are signed without the host, so they pass as they are. */
export async function startGate(target: Azurite): Promise<Gate> {
  const { hostname, port } = new URL(target.url);
  const agent = new Agent({ keepAlive: true });
  const underWay = new Set<Promise<unknown>>();
  const server = createServer((incoming, outgoing) => {
    const served = serve(incoming, outgoing).catch(() => outgoing.destroy()).finally(() => underWay.delete(served));
    underWay.add(served);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/devstoreaccount1`;
  let index = 0;
  const gate: Gate = {
    ...addressOf(url),
    records: [],
    hidesEmulator: false,
    idle: async () => {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
    onRequest: () => undefined,
    onAnswer: () => undefined,
    stop: async () => {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await readAll(incoming);
    const record = recordOf(++index, incoming, body.length);
    gate.records.push(record);
    const own = await gate.onRequest(record);
    if (own === 'drop') return void outgoing.destroy();
    if (own) {
      record.status = own.status;
      outgoing.writeHead(own.status, own.headers);
      return void outgoing.end(own.body);
    }
    const upstream = forward({ agent, hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers });
    upstream.end(body);
    const [answer] = await once(upstream, 'response') as [IncomingMessage];
    const content = await readAll(answer);
    record.status = answer.statusCode ?? 0;
    if (await gate.onAnswer(record) === 'drop') return void outgoing.destroy();
    const headers = Object.entries(answer.headers).filter(([name]) => name !== 'server' || !gate.hidesEmulator);
    outgoing.writeHead(record.status, Object.fromEntries(headers));
    outgoing.end(content);
  }
  return gate;
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function recordOf(index: number, { method = '', url = '', headers }: IncomingMessage, bodyLength: number): GateRecord {
  const [, start, end] = /bytes=(\d+)-(\d+)/.exec(String(headers['x-ms-range'] ?? headers['range'] ?? '')) ?? [];
  const range = start === undefined || end === undefined ? undefined : { offset: Number(start), length: Number(end) - Number(start) + 1 };
  return { index, kind: kindOf(method, new URL(url, 'http://gate').searchParams, headers), method, url, headers, range, bodyLength, status: 0 };
}

function kindOf(method: string, query: URLSearchParams, headers: IncomingMessage['headers']): RequestKind {
  const comp = query.get('comp');
  if (method === 'HEAD') return 'properties';
  if (method === 'DELETE') return 'delete';
  if (method === 'GET') return comp === 'list' ? 'list' : comp === 'pagelist' ? 'page-ranges' : 'read';
  switch (comp) {
    case 'page': return headers['x-ms-page-write'] === 'clear' ? 'clear-pages' : 'put-page';
    case 'copy': return 'abort-copy';
    case 'lease': return 'lease';
    case 'metadata': return 'metadata';
    case 'snapshot': return 'snapshot';
    case 'properties': return headers['x-ms-blob-content-length'] === undefined ? 'headers' : 'resize';
    case null: return headers['x-ms-copy-source'] === undefined ? (query.has('restype') ? 'other' : 'create') : 'copy';
    default: return 'other';
  }
}
