import type { RequestEvent } from '../session/events.js';

/** Returns one line about a request: `PUT https://… bytes=0-511: 201, 35 ms, request id …`. */
export function requestLine({ method, uri, range, status, milliseconds, requestId }: RequestEvent): string {
  return [
    `${method} ${uri}${range === undefined ? '' : ` ${range}`}: ${status ?? 'no answer'}`,
    `${Math.round(milliseconds)} ms`,
    ...(requestId === undefined ? [] : [`request id ${requestId}`]),
  ].join(', ');
}
