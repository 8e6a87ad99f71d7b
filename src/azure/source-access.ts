import { isService } from './credential-sources.js';
import { urlWithSas } from './location.js';
import type { PageBlob } from './page-blob.js';

/** How the service reads the source of a copy. Both parts are secrets. */
export interface SourceAccess {
  /** With a SAS, unless there is a token. */
  readonly url: string;
  /** The value of Authorization with which the service reads it: "Bearer ...". */
  readonly authorization: string | undefined;
}

/**
 * Returns how the service that has `destination` can read `source`: with the SAS for it, with one that is made with the account key,
 * or with a token, fresh for each request. Returns the reason, in words, if a secret would be sent where it does not belong: all of
 * it goes to the server of the destination. A token is sent only to the service, for a blob of the service, over https. The secrets
 * of a source with https are never sent over plain http. Throws the error of a sign-in.
 */
export async function sourceAccess(
  source: PageBlob,
  destination: PageBlob,
  signal: AbortSignal,
): Promise<SourceAccess | string> {
  const { location, credentials } = source;
  if (!isPlain(location.endpoint) && isPlain(destination.location.endpoint))
    return 'the credential of the base is for https, and the destination has plain http';
  if (!credentials.token) {
    const sas = credentials.sas ?? credentials.readSas?.(location);
    return { url: sas === undefined ? source.uri : urlWithSas(location, sas), authorization: undefined };
  }
  if (!isService(location.endpoint) || !isService(destination.location.endpoint))
    return 'the credential of the base is a token, which is only sent to the service itself';
  return { url: source.uri, authorization: await credentials.token.authorization(signal) };
}

function isPlain(endpoint: string): boolean {
  return /^http:/i.test(endpoint);
}
