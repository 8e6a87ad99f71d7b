import { exchange, requestOptionsFor } from './exchange.js';
import { DEADLINE_MS } from './request-limits.js';
import { readText } from './response-text.js';
import { serviceError } from './service-error.js';
import { ThroughputFloor } from './throughput-floor.js';

/** The answer of a server to a request without a credential. */
export interface Probe {
  readonly status: number;
  /** The name that the server gives itself, such as `Windows-Azure-Blob/1.0`; `undefined` if there is none. */
  readonly server: string | undefined;
  /** How far the clock of the server is ahead of this machine's, in milliseconds; `undefined` if the answer has no date. */
  readonly clockAheadMs: number | undefined;
}

/**
 * Sends one request without a credential that changes nothing, and takes any answer. Throws `service-unreachable` or
 * `transfer-failed` if there is none. Does not use a proxy.
 */
export async function probe(endpoint: string, signal: AbortSignal, deadlineMs = DEADLINE_MS): Promise<Probe> {
  try {
    const answer = await exchange({
      options: { ...requestOptionsFor(`${endpoint}/?comp=list&maxresults=1`), method: 'GET' },
      body: undefined,
      signal,
      limits: { deadlineMs, floor: new ThroughputFloor() },
    });
    const received = Date.now();
    await readText(answer);
    const { date, server } = answer.headers;
    const sent = Date.parse(date ?? '');
    return {
      status: answer.statusCode ?? 0,
      server: [server].flat()[0],
      // The header has whole seconds.
      clockAheadMs: Number.isNaN(sent) ? undefined : sent + 500 - received,
    };
  } catch (error) {
    throw serviceError(error, { what: 'reach the server', uri: endpoint }, false);
  }
}
