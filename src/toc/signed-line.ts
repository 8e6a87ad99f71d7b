import { createHash } from 'node:crypto';
import { BadStructure } from './bad-structure.js';

/** The most bytes of a record, or of `vault.json`. */
export const MAX_TEXT_BYTES = 64 * 1024;
const HMAC = /^hmac:[0-9a-f]{64}$/;
/** Refuses other bytes, and keeps a byte order mark: then the text is no JSON. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Returns a text of two lines: the JSON, and its SHA-256 with the name of the object, so that a copy under another name is none. */
export function encodeSignedLine(key: string, value: object): Buffer {
  const line = JSON.stringify(value);
  const bytes = Buffer.from(`${line}\nsha256:${digestOf(key, line)}\n`, 'utf8');
  if (bytes.length > MAX_TEXT_BYTES)
    throw new RangeError(`${key} has ${bytes.length} bytes; ${MAX_TEXT_BYTES} are allowed`);
  return bytes;
}

/** Parses such a text, and compares its digest. A third line is that of an encrypted vault. Throws `BadStructure`. */
export function parseSignedLine(
  key: string,
  bytes: Buffer,
): { readonly value: Record<string, unknown>; readonly hmac: string | undefined } {
  const bad = (field: string, problem: string) => new BadStructure(`${key}: ${field}`, 0, problem);
  if (bytes.length > MAX_TEXT_BYTES) throw bad('text', `has ${bytes.length} bytes`);
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch {
    throw bad('text', 'is not UTF-8');
  }
  const [line = '', digest = '', hmac, ...more] = text.slice(0, -1).split('\n');
  if (!text.endsWith('\n') || more.length > 0) throw bad('text', 'does not have two or three lines');
  if (digest !== `sha256:${digestOf(key, line)}`) throw bad('sha256', 'differs');
  if (hmac !== undefined && !HMAC.test(hmac)) throw bad('hmac', 'is none');
  const value = parseObject(line);
  if (!value) throw bad('JSON', 'is not an object');
  return { value, hmac: hmac?.slice('hmac:'.length) };
}

/** Returns the object that a text in JSON is; `undefined` for any other text. */
export function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value))
      : undefined;
  } catch {
    return undefined;
  }
}

function digestOf(key: string, line: string): string {
  return createHash('sha256').update(`${key}\n${line}`, 'utf8').digest('hex');
}
