import type { IncomingMessage, RequestOptions } from 'node:http';
import { redact } from '../redact/redact.js';

/** One request to the service has ended. Nothing of this is secret. */
export interface RequestRecord {
  readonly method: string;
  /** Without a SAS. */
  readonly uri: string;
  /** The range of bytes that was requested or sent, as in the header; absent if there was none. */
  readonly range?: string;
  /** HTTP status; absent if there was no answer. */
  readonly status?: number;
  readonly milliseconds: number;
  /** The id of the request in the service's own logs. */
  readonly requestId?: string;
}

/** Called with each request that has ended. */
export type OnRequest = (record: RequestRecord) => void;

/** The parts of a query that say what is requested. All others are left out: those of a SAS, and what is not known. */
const SHOWN = new Set(['comp', 'restype', 'snapshot', 'versionid', 'prefix', 'marker', 'include', 'maxresults']);

/**
 * Returns a function to call once when a request has ended, with its answer if there was one. Returns `undefined` without a listener.
 */
export function requestLog(
  options: RequestOptions,
  onRequest: OnRequest | undefined,
): ((answer: IncomingMessage | undefined) => void) | undefined {
  if (!onRequest) return undefined;
  const begun = performance.now();
  let isLogged = false;
  return (answer) => {
    if (isLogged) return;
    isLogged = true;
    const range = headerOf(options, 'x-ms-range') ?? headerOf(options, 'range');
    const requestId = answer?.headers['x-ms-request-id'];
    onRequest({
      method: options.method ?? 'GET',
      uri: shownUri(options),
      ...(range === undefined ? {} : { range }),
      ...(answer?.statusCode === undefined ? {} : { status: answer.statusCode }),
      milliseconds: Math.round(performance.now() - begun),
      ...(typeof requestId === 'string' ? { requestId: redact(requestId) } : {}),
    });
  };
}

function shownUri({ protocol, hostname, port, path }: RequestOptions): string {
  const host = hostname?.includes(':') ? `[${hostname}]` : hostname;
  const [pathname = '', query = ''] = (path ?? '').split('?', 2);
  const shown = query.split('&').filter((pair) => SHOWN.has((pair.split('=', 1)[0] ?? '').toLowerCase()));
  return redact(
    `${protocol ?? ''}//${host ?? ''}${port ? `:${port}` : ''}${pathname}${shown.length === 0 ? '' : `?${shown.join('&')}`}`,
  );
}

/** Returns a header of a request. The SDK writes names in mixed case. */
function headerOf({ headers }: RequestOptions, name: string): string | undefined {
  for (const [each, value] of Object.entries(headers ?? {}))
    if (each.toLowerCase() === name && value !== undefined) return String(value);
  return undefined;
}
