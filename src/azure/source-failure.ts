import { RestError } from '@azure/storage-blob';

/** What the source of a copy has answered to the service that reads it. */
export interface SourceFailure {
  readonly status: number | undefined;
  readonly code: string | undefined;
}

/**
 * Returns what the source of a copy has answered, from an error of the SDK; `undefined` if the service does not say, or nothing was
 * copied. Specification: Status and error codes, Copy API error response.
 */
export function sourceFailureOf(error: unknown): SourceFailure | undefined {
  if (!(error instanceof RestError)) return undefined;
  const [status, code] = ['status', 'error'].map((part) =>
    error.response?.headers.get(`x-ms-copy-source-${part}-code`),
  );
  if (status === undefined && code === undefined) return undefined;
  return {
    status: /^\d{3}$/.test(status ?? '') ? Number(status) : undefined,
    code: /^[\w.-]{1,100}$/.test(code ?? '') ? code : undefined,
  };
}
