import type { Range } from '../bytes/range.js';
import type { Conditions } from './conditions.js';
import type { Credentials } from './credential.js';
import { exchange, requestOptionsFor } from './exchange.js';
import { readText } from './response-text.js';
import { accessBy } from './refused-access.js';
import { HttpError } from './service-error.js';

/** Version of the service's interface. Put Page has not changed for long before it. */
const VERSION = '2021-12-02';

/** Sends Put Page for whole pages of one blob: the bytes with their MD5, or `zeros` to clear them. */
export type PutPage = (
  range: Range,
  content: { readonly bytes: Uint8Array; readonly md5: Uint8Array } | 'zeros',
  conditions: Conditions,
  signal: AbortSignal,
) => Promise<void>;

/**
 * Returns a function that sends Put Page without the SDK. A push sends thousands of these requests, and for a small write the SDK
 * takes three times as long as the request itself. `url` includes the SAS if there is one. Returns `undefined` if the SDK is
 * needed: for proxies. Specification: Put Page; Authorize with Shared Key; Authorize with Microsoft Entra ID (bearer challenge).
 */
export function putPageFor(url: string, { sas, sign, token, limits }: Credentials): PutPage | undefined {
  if (usesProxy(process.env)) return undefined;
  const target = requestOptionsFor(`${url}${url.includes('?') ? '&' : '?'}comp=page`);
  const path = new URL(url).pathname;
  return async ({ offset, length }, content, { ifMatch, ifNoneMatch, leaseId }, signal) => {
    const body = content === 'zeros' ? undefined : Buffer.from(content.bytes.buffer, content.bytes.byteOffset, length);
    const headers: Record<string, string> = {
      'content-length': String(body?.length ?? 0),
      ...(content === 'zeros' ? {} : { 'content-md5': Buffer.from(content.md5).toString('base64') }),
      ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      ...(ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch }),
      'user-agent': 'vhdup',
      'x-ms-date': new Date().toUTCString(),
      ...(leaseId === undefined ? {} : { 'x-ms-lease-id': leaseId }),
      'x-ms-page-write': body ? 'update' : 'clear',
      'x-ms-range': `bytes=${offset}-${offset + length - 1}`,
      'x-ms-version': VERSION,
    };
    const send = async (authorization: string | undefined) => {
      const authorized = authorization === undefined ? headers : { ...headers, authorization };
      const answer = await exchange({
        options: { ...target, method: 'PUT', headers: authorized },
        body,
        signal,
        limits,
      });
      return { answer, text: await readText(answer), authorization };
    };
    let sent = await send(sign ? sign(stringToSign(headers), path) : await token?.authorization(signal));
    // The token has expired or was withdrawn, or the service names another tenant. The SDK too tries once more.
    if (token && sent.answer.statusCode === 401 && sent.authorization !== undefined) {
      token.refuse(sent.authorization, sent.answer.headers['www-authenticate']);
      sent = await send(await token.authorization(signal));
    }
    if (sent.answer.statusCode !== 201)
      throw new HttpError(sent.answer, sent.text, accessBy({ sas, token, method: 'PUT' }));
  };
}

/** Returns the text that is signed, without the resource. `headers` are in alphabetical order. */
function stringToSign(headers: Readonly<Record<string, string>>): string {
  const standard = [
    'content-encoding',
    'content-language',
    'content-length',
    'content-md5',
    'content-type',
    'date',
    'if-modified-since',
    'if-match',
    'if-none-match',
    'if-unmodified-since',
    'range',
  ];
  const own = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-ms-'))
    .map(([name, value]) => `${name}:${value}\n`);
  return `PUT\n${standard.map((name) => `${signedValue(name, headers[name])}\n`).join('')}${own.join('')}`;
}

/** Returns the value of a header as it is signed. A length of 0 is signed as an empty text. */
function signedValue(name: string, value = ''): string {
  return name === 'content-length' && value === '0' ? '' : value;
}

/** Returns true if the environment names a proxy. Only the SDK supports one. */
export function usesProxy(environment: Readonly<Record<string, string | undefined>>): boolean {
  return ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'].some((name) =>
    Boolean(environment[name] || environment[name.toLowerCase()]),
  );
}
