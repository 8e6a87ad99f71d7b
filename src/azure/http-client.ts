import type { Agent as HttpAgent, IncomingMessage, RequestOptions } from 'node:http';
import {
  RestError,
  type HttpHeaders,
  type HttpOperationResponse,
  type IHttpClient,
  type WebResource,
} from '@azure/storage-blob';
import { isCompleteListing, isListing } from './complete-listing.js';
import { exchange, requestOptionsFor } from './exchange.js';
import { DEADLINE_MS, type RequestLimits } from './request-limits.js';
import type { OnRequest } from './request-log.js';
import { startsAtRequestedOffset } from './requested-range.js';
import { readText } from './response-text.js';
import { ThroughputFloor } from './throughput-floor.js';

/**
 * Returns a client that sends the SDK's requests. The SDK's own client limits only the whole time of a request. This one fails a
 * request, with the code `ETIMEDOUT`, if no byte has moved in either direction for `deadlineMs`. A request that is slow but moves
 * goes on, as long as all requests together stay above the floor.
 */
export function httpClient(
  deadlineMs = DEADLINE_MS,
  floor = new ThroughputFloor(),
  onRequest?: OnRequest,
): IHttpClient {
  return { sendRequest: (request) => send(request, { deadlineMs, floor, onRequest }) };
}

async function send(request: WebResource, limits: RequestLimits): Promise<HttpOperationResponse> {
  const body = bodyOf(request);
  const { headers, method } = request;
  const agent = request.agent as HttpAgent | undefined;
  const options: RequestOptions = {
    ...requestOptionsFor(request.url),
    method,
    headers: headers.toJson({ preserveCase: true }),
    ...(agent ? { agent } : {}),
  };
  return receive(request, await exchange({ options, body, signal: request.abortSignal, limits }));
}

/** Returns the body of a request, and sets its Content-Length. Throws a `TypeError` for a stream: that could not be sent again. */
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
  // The range of a write is where it writes to.
  const range = request.method === 'GET' ? request.headers.get('x-ms-range') : undefined;
  if (status < 300 && !startsAtRequestedOffset(range, incoming.headers['content-range'])) {
    incoming.destroy();
    throw new RestError('the answer has other bytes than were requested', { code: RestError.PARSE_ERROR });
  }
  if (streamed?.has(status) || streamed?.has(Infinity)) return { ...response, readableStreamBody: incoming };
  const text = await readText(incoming, isListing(request.url));
  if (status === 200 && !isCompleteListing(request.url, text))
    throw new RestError('the answer is not a complete listing', { code: RestError.PARSE_ERROR });
  return { ...response, bodyAsText: text };
}

/** Returns the headers of an answer, with only the method of the interface that the SDK calls. */
function headersOf({ headers }: IncomingMessage): HttpHeaders {
  const first: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) first[name] = typeof value === 'string' ? value : (value[0] ?? '');
  }
  const called: Pick<HttpHeaders, 'toJson'> = { toJson: () => first };
  return called as HttpHeaders;
}
