import type { IncomingMessage } from 'node:http';
import type { Range } from '../bytes/range.js';
import type { Access } from './credential.js';
import { exchange, optionsFor, textOf } from './http-client.js';
import type { Conditions } from './page-blob.js';
import { Refusal } from './service-error.js';

/** Of the service's interface; Put Page has been the same since long before. */
const VERSION = '2021-12-02';

/** Put Page for one blob: the bytes with their MD5, or zeros. */
export type PutPage = (
  range: Range,
  content: { readonly bytes: Uint8Array; readonly md5: Uint8Array } | 'zeros',
  conditions: Conditions,
  signal: AbortSignal,
) => Promise<void>;

/**
 * The one request that a push sends thousands of, without the SDK: for a small write that costs three times what the
 * request itself does. `url` has the SAS, where there is one. `undefined` where the SDK has to do it: for tokens, which it
 * renews, and behind a proxy. Specification: Put Page; Authorize with Shared Key.
 */
export function putPageFor(url: string, { kind, sign, patience }: Access): PutPage | undefined {
  if (kind === 'token' || isProxied(process.env)) return undefined;
  const target = optionsFor(`${url}${url.includes('?') ? '&' : '?'}comp=page`);
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
    if (sign) headers['authorization'] = sign(stringToSign(headers), path);
    await accepted(await exchange({ options: { ...target, method: 'PUT', headers }, body, signal, patience }));
  };
}

/** What of the request is signed, but for the resource. The headers are in alphabetical order. */
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

/** A length of nothing is signed as nothing. */
function signedValue(name: string, value = ''): string {
  return name === 'content-length' && value === '0' ? '' : value;
}

async function accepted(answer: IncomingMessage): Promise<void> {
  const text = await textOf(answer);
  if (answer.statusCode !== 201) throw new Refusal(answer, text);
}

/** The SDK follows these; so small a client does not. */
function isProxied(environment: Readonly<Record<string, string | undefined>>): boolean {
  return ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'].some((name) =>
    Boolean(environment[name] || environment[name.toLowerCase()]),
  );
}
