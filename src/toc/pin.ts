import { BadStructure } from './bad-structure.js';
import { JsonFields } from './json-fields.js';
import { MAX_TEXT_BYTES, parseObject } from './signed-line.js';

/** Keeps a version from being forgotten (docs/VAULT.md, "Pin"). Nothing but its name and these members says what it is for. */
export interface Pin {
  /** The program or person that made it. */
  readonly by: string;
  /** What it is for, in a word: `push`, `keep`, `serve`, `mirror`. */
  readonly why: string;
  /** ISO 8601, by the clock of the store; `undefined`: until it is deleted. */
  readonly until: string | undefined;
}

/** Returns a pin as bytes. */
export function encodePin({ by, why, until }: Pin): Buffer {
  const bytes = Buffer.from(`${JSON.stringify({ by, why, until })}\n`, 'utf8');
  if (bytes.length > MAX_TEXT_BYTES) throw new RangeError(`a pin of ${bytes.length} bytes`);
  return bytes;
}

/** Parses a pin. `key`: its name, for errors. Throws `BadStructure`; such a pin still keeps its version, because it may be newer. */
export function parsePin(key: string, bytes: Buffer): Pin {
  const value = bytes.length <= MAX_TEXT_BYTES && bytes.at(-1) === 10 ? parseObject(bytes.toString('utf8')) : undefined;
  if (!value) throw new BadStructure(`${key}: JSON`, 0, 'is not an object on a line');
  const fields = new JsonFields(value, key);
  return {
    by: fields.text('by'),
    why: fields.text('why'),
    until: fields.has('until') ? fields.time('until') : undefined,
  };
}
