import type { OutgoingHttpHeaders } from 'node:http';

/** An answer that the gate gives itself. */
export interface OwnAnswer {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
}

/** What the server answered, on its way through the gate. */
export interface Answer {
  readonly status: number;
  headers: OutgoingHttpHeaders;
  body: Buffer;
}

/** An error as the service words it: its code in a header and in the XML of the body. */
export function refusal(status: number, code: string, message: string, headers: OutgoingHttpHeaders = {}): OwnAnswer {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, headers: { 'x-ms-error-code': code, 'content-type': 'application/xml', ...headers }, body };
}
