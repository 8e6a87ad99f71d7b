import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { RestError, type WebResource } from '@azure/storage-blob';
import { sendBody } from './request-body.js';
import type { RequestLimits } from './request-limits.js';
import { requestLog } from './request-log.js';
import { watchHead } from './response-head.js';

/**
 * The assumed least speed at which the kernel's send buffer drains. Bytes of a body that lie there (up to 4 MiB) cannot be seen to
 * move, so they add to the deadline: 65 s for 4 MiB.
 */
const MIN_DRAIN_BYTES_PER_MS = 64;

/** Connections are kept and shared. There are as many as requests under way. */
const AGENTS = { 'http:': new HttpAgent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) };

/** A request as Node takes it. */
export interface OutgoingRequest {
  /** Includes the protocol. Default of `agent`: one that all requests share. */
  readonly options: RequestOptions;
  readonly body: Buffer | undefined;
  readonly signal: WebResource['abortSignal'];
  readonly limits: RequestLimits;
}

/** Returns the part of Node's request options that a URL gives. */
export function requestOptionsFor(url: string): RequestOptions {
  const { protocol, hostname, port, pathname, search } = new URL(url);
  return { protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port, path: pathname + search };
}

/**
 * Sends a request; resolves when the answer begins. Fails with a `RestError` if no byte moves for `limits.deadlineMs` (code
 * `ETIMEDOUT`), if all requests together are slower than `limits.floor`, and if the connection fails; with `RequestAborted` if
 * `signal` is aborted. A failure after the answer has begun ends the reading of it.
 */
export function exchange({
  options,
  body,
  signal,
  limits: { deadlineMs, floor, onRequest },
}: OutgoingRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(new RequestAborted());
      return;
    }
    const isPlain = options.protocol === 'http:';
    const settings: RequestOptions = {
      agent: AGENTS[isPlain ? 'http:' : 'https:'],
      timeout: deadlineMs + (body?.length ?? 0) / MIN_DRAIN_BYTES_PER_MS,
      ...options,
    };
    const log = requestLog(options, onRequest);
    const outgoing = isPlain ? httpRequest(settings) : httpsRequest(settings);
    let answer: IncomingMessage | undefined;
    const fail = (error: Error) => {
      log?.(answer);
      reject(error);
      // The promise is settled if the answer has begun; then its reader gets the error.
      answer?.destroy(error);
      outgoing.destroy(error);
    };
    const abort = () => {
      fail(new RequestAborted());
    };
    const failStalled = () => {
      fail(new RestError(`no byte moved for ${deadlineMs / 1000} s`, { code: 'ETIMEDOUT' }));
    };
    // A socket has its own time-out, but a proxy's agent provides one only when the proxy has answered.
    const untilSocket = setTimeout(failStalled, deadlineMs);
    signal?.addEventListener('abort', abort);
    let endHead: () => void = () => undefined;
    outgoing.once('socket', (socket) => {
      clearTimeout(untilSocket);
      endHead = watchHead(socket, (moved) => floor.watch(moved, fail), fail);
    });
    outgoing.once('timeout', failStalled);
    let endBody: () => void = () => undefined;
    outgoing.once('close', () => {
      log?.(answer);
      endBody();
      endHead();
      clearTimeout(untilSocket);
      signal?.removeEventListener('abort', abort);
      // Node ends a connection without an error when an answer leaves HTTP (101).
      reject(
        new RestError('the connection was closed before there was an answer', { code: RestError.REQUEST_SEND_ERROR }),
      );
    });
    // The message of a socket names host and port only.
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      log?.(answer);
      reject(new RestError(error.message, { code: error.code ?? RestError.REQUEST_SEND_ERROR }));
    });
    outgoing.once('response', (incoming) => {
      outgoing.setTimeout(deadlineMs);
      answer = incoming;
      if (log)
        incoming.once('end', () => {
          log(incoming);
        });
      endBody();
      endHead();
      const { socket, headers } = incoming;
      if (headers['content-length'] !== '0') {
        endBody = floor.watch(() => socket.bytesRead, fail);
        incoming.once('end', endBody);
      }
      resolve(incoming);
    });
    endBody = sendBody(outgoing, body, floor, fail);
  });
}

/** The error of a request that was aborted, with the name that the SDK gives it. */
export class RequestAborted extends Error {
  override readonly name = 'AbortError';

  constructor() {
    super('the request was stopped');
  }
}
