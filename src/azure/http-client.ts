import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import {
  RestError,
  type HttpHeaders,
  type HttpOperationResponse,
  type IHttpClient,
  type WebResource,
} from '@azure/storage-blob';
import { beginsAsAsked } from './asked-range.js';
import { ThroughputFloor } from './throughput-floor.js';
import { isListing, isWholeListing } from './whole-listing.js';

/** How long a request may stand still, in milliseconds. */
export const DEADLINE_MS = 30_000;

/**
 * Part of a body may lie in the send buffer of the kernel (up to 4 MiB), from where it drains unseen: this slow at worst,
 * which is 65 s for 4 MiB.
 */
const UNSEEN_BYTES_PER_MS = 64;

/** Connections are kept and shared; how many there are follows from how many requests are under way. */
const AGENTS = { 'http:': new HttpAgent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) };

/**
 * Sends the SDK's requests. The SDK's own client knows only a time for a whole request; here it counts how long no byte has
 * moved in either direction: after `deadlineMs` the request fails as a passing trouble with the code `ETIMEDOUT`, while
 * one that is slow but moves goes on, as long as all requests together stay above the floor. Bytes of a body that lie in the
 * kernel's send buffer cannot be seen to move, so they get more time.
 */
export function httpClient(deadlineMs = DEADLINE_MS, floor = new ThroughputFloor()): IHttpClient {
  return { sendRequest: (request) => send(request, { deadlineMs, floor }) };
}

/** The limits that keep a request from taking for ever. */
export interface Patience {
  /** How long it may stand still, in milliseconds. */
  readonly deadlineMs: number;
  /** Shared by all requests of a piece of work. */
  readonly floor: ThroughputFloor;
}

/** A request as Node takes it. */
export interface Outgoing {
  /** With the protocol; the agent is the one that all share where none is named. */
  readonly options: RequestOptions;
  readonly body: Buffer | undefined;
  readonly signal: WebResource['abortSignal'];
  readonly patience: Patience;
}

/** A body is written in pieces of this many bytes, so that its progress can be seen. */
const PIECE_BYTES = 64 * 1024;

/** Sends a request; resolves when the answer begins. It fails as `httpClient` says, also while the answer is read. */
export function exchange({
  options,
  body,
  signal,
  patience: { deadlineMs, floor },
}: Outgoing): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(new Aborted());
      return;
    }
    const isPlain = options.protocol === 'http:';
    const whole: RequestOptions = {
      agent: AGENTS[isPlain ? 'http:' : 'https:'],
      timeout: deadlineMs + (body?.length ?? 0) / UNSEEN_BYTES_PER_MS,
      ...options,
    };
    const outgoing = isPlain ? httpRequest(whole) : httpsRequest(whole);
    let answer: IncomingMessage | undefined;
    const cut = (error: Error) => {
      reject(error);
      // Who reads the answer hears of it there.
      answer?.destroy(error);
      outgoing.destroy(error);
    };
    const abort = () => {
      cut(new Aborted());
    };
    const standsStill = () => {
      cut(new RestError(`no byte moved for ${deadlineMs / 1000} s`, { code: 'ETIMEDOUT' }));
    };
    // A socket counts for itself; a proxy's agent hands one over only when the proxy has answered.
    const untilSocket = setTimeout(standsStill, deadlineMs);
    signal?.addEventListener('abort', abort);
    let headEnded: () => void = () => undefined;
    outgoing.once('socket', (socket) => {
      clearTimeout(untilSocket);
      headEnded = watchHead(socket, (moved) => floor.begin(moved, cut), cut);
    });
    outgoing.once('timeout', standsStill);
    let ended: () => void = () => undefined;
    outgoing.once('close', () => {
      ended();
      headEnded();
      clearTimeout(untilSocket);
      signal?.removeEventListener('abort', abort);
      // Node ends a connection without an error when an answer leaves HTTP (101).
      reject(
        new RestError('the connection was closed before there was an answer', { code: RestError.REQUEST_SEND_ERROR }),
      );
    });
    // The message of a socket names host and port only.
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      reject(new RestError(error.message, { code: error.code ?? RestError.REQUEST_SEND_ERROR }));
    });
    outgoing.once('response', (incoming) => {
      outgoing.setTimeout(deadlineMs);
      answer = incoming;
      ended();
      headEnded();
      const { socket, headers } = incoming;
      if (headers['content-length'] !== '0') {
        ended = floor.begin(() => socket.bytesRead, cut);
        incoming.once('end', ended);
      }
      resolve(incoming);
    });
    ended = hand(outgoing, body, floor, cut);
  });
}

/** The most bytes before an answer begins. A head has at most 16 KiB, but any number of informational answers may come before it. */
const MAX_HEAD_BYTES = 64 * 1024;

/**
 * Watches the head of an answer. It may come as slowly as a body, so from its first byte on the floor applies to it. Calls `cut`
 * if the head is longer than `MAX_HEAD_BYTES`. Returns a function to call when the answer begins.
 */
function watchHead(
  socket: Socket,
  begin: (moved: () => number) => () => void,
  cut: (error: Error) => void,
): () => void {
  let received = 0;
  let isOver = false;
  let ended: () => void = () => undefined;
  const onData = (bytes: Buffer) => {
    // The HTTP parser gets the same bytes first, so these may be bytes of the body.
    if (isOver) return;
    if (received === 0) ended = begin(() => received);
    received += bytes.length;
    if (received > MAX_HEAD_BYTES)
      cut(new RestError(`the answer does not begin within ${MAX_HEAD_BYTES / 1024} KiB`, { code: 'ANSWER_TOO_LONG' }));
  };
  socket.on('data', onData);
  return () => {
    isOver = true;
    socket.off('data', onData);
    ended();
  };
}

/** Sends a body and ends the request; the floor applies to a long body. Returns a function to call when the answer begins or the request ends. */
function hand(
  outgoing: ClientRequest,
  body: Buffer | undefined,
  floor: ThroughputFloor,
  cut: (error: Error) => void,
): () => void {
  if (!body || body.length <= PIECE_BYTES) {
    outgoing.end(body, () => {
      floor.add(body?.length ?? 0);
    });
    return () => undefined;
  }
  let moved = 0;
  const ended = floor.begin(() => moved, cut);
  const next = (): void => {
    const piece = body.subarray(moved, moved + PIECE_BYTES);
    if (piece.length === 0) {
      ended();
      outgoing.end();
      return;
    }
    outgoing.write(piece, (error) => {
      if (error) return;
      moved += piece.length;
      next();
    });
  };
  next();
  return ended;
}

async function send(request: WebResource, patience: Patience): Promise<HttpOperationResponse> {
  const body = bodyOf(request);
  const { headers, method } = request;
  const agent = request.agent as HttpAgent | undefined;
  const options: RequestOptions = {
    ...optionsFor(request.url),
    method,
    headers: headers.toJson({ preserveCase: true }),
    ...(agent ? { agent } : {}),
  };
  return receive(request, await exchange({ options, body, signal: request.abortSignal, patience }));
}

/** Where a URL leads, as Node takes it. */
export function optionsFor(url: string): RequestOptions {
  const { protocol, hostname, port, pathname, search } = new URL(url);
  return { protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port, path: pathname + search };
}

/** Bodies are bytes or text here, and sent as they are: a stream could not be sent again. */
function bodyOf({ body, headers }: WebResource): Buffer | undefined {
  const given: unknown = typeof body === 'function' ? (body as () => unknown)() : body;
  if (given === undefined || given === null) return undefined;
  const bytes =
    typeof given === 'string'
      ? Buffer.from(given)
      : ArrayBuffer.isView(given)
        ? Buffer.from(given.buffer, given.byteOffset, given.byteLength)
        : given instanceof ArrayBuffer
          ? Buffer.from(given)
          : undefined;
  if (!bytes) throw new TypeError('the body of a request has to be bytes or text');
  if (!headers.contains('Content-Length')) headers.set('Content-Length', bytes.length);
  return bytes;
}

async function receive(request: WebResource, incoming: IncomingMessage): Promise<HttpOperationResponse> {
  const status = incoming.statusCode ?? 0;
  const response = { request, status, headers: headersOf(incoming) };
  if (request.method === 'HEAD') {
    incoming.resume();
    return response;
  }
  const streamed = request.streamResponseStatusCodes;
  if (status < 300 && !beginsAsAsked(request.headers.get('x-ms-range'), incoming.headers['content-range'])) {
    incoming.destroy();
    throw new RestError('the answer has other bytes than were asked for', { code: RestError.PARSE_ERROR });
  }
  if (streamed?.has(status) || streamed?.has(Infinity)) return { ...response, readableStreamBody: incoming };
  const text = await textOf(incoming, isListing(request.url));
  if (status === 200 && !isWholeListing(request.url, text))
    throw new RestError('the answer is no whole listing', { code: RestError.PARSE_ERROR });
  return { ...response, bodyAsText: text };
}

/** What of its interface the SDK calls on an answer's headers. */
function headersOf({ headers }: IncomingMessage): HttpHeaders {
  const first: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) first[name] = typeof value === 'string' ? value : (value[0] ?? '');
  }
  const asked: Pick<HttpHeaders, 'toJson'> = { toJson: () => first };
  return asked as HttpHeaders;
}

/** The most bytes that are read of an answer without a listing, such as an error. The service's own have some hundred bytes, and only the first line is shown. */
const MAX_SHORT_BYTES = 64 * 1024;
/** The most bytes of a page of a listing: more than 5,000 blobs with all the metadata that they may have. */
const MAX_LISTING_BYTES = 64 * 1024 * 1024;

/**
 * Returns the text of an answer; fails if the answer is cut short. Of most answers only the first `MAX_SHORT_BYTES` are read,
 * and the rest is not received. A listing is read as a whole; it fails if it is longer than `MAX_LISTING_BYTES`.
 */
export function textOf(incoming: IncomingMessage, hasListing = false): Promise<string> {
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
        error instanceof Aborted || error instanceof RestError
          ? error
          : new RestError(`the answer was cut short: ${error.message}`, { code: error.code ?? RestError.PARSE_ERROR }),
      );
    });
  });
}

/** A request that was stopped, by the name that the SDK gives it. */
class Aborted extends Error {
  override readonly name = 'AbortError';

  constructor() {
    super('the request was stopped');
  }
}
