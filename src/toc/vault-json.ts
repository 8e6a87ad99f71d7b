import { JsonFields } from './json-fields.js';
import { VAULT_KEY } from './object-names.js';
import { encodeSignedLine, parseSignedLine } from './signed-line.js';

const FORMAT = 1;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** How units may be compressed. */
export const VAULT_CODECS = ['raw', 'brotli', 'zstd'] as const;

/** What `vault.json` says of its vault. */
export interface VaultFacts {
  /** A uuid. */
  readonly id: string;
  readonly cipher: 'none' | 'xaes-256-gcm';
  readonly codec: (typeof VAULT_CODECS)[number];
  /** Bytes of a block of a disk: 65,536. */
  readonly block: number;
  /** How long an object that nothing refers to is kept at least. */
  readonly graceHours: number;
  /** By the clock of the store, ISO 8601. */
  readonly created: string;
}

/** Returns `vault.json`. */
export function encodeVaultFacts({ id, cipher, codec, block, graceHours, created }: VaultFacts): Buffer {
  const line = { vhdup: 'vault', format: FORMAT, id, cipher, codec, block, graceHours, needs: [], created };
  return encodeSignedLine(VAULT_KEY, line);
}

/** Parses `vault.json`. Throws `BadStructure`. */
export function parseVaultFacts(bytes: Buffer): VaultFacts {
  const { value, hmac } = parseSignedLine(VAULT_KEY, bytes);
  const fields = new JsonFields(value, VAULT_KEY);
  fields.oneOf('vhdup', ['vault']);
  fields.requireFormat(FORMAT);
  const block = fields.count('block');
  if (block !== 65_536) throw fields.bad('block', `${block} is not supported`);
  const cipher = fields.oneOf('cipher', ['none', 'xaes-256-gcm']);
  if ((cipher === 'none') !== (hmac === undefined)) throw fields.bad('hmac', `does not fit the cipher ${cipher}`);
  const graceHours = fields.count('graceHours');
  if (graceHours === 0) throw fields.bad('graceHours', 'is zero');
  return {
    id: fields.text('id', UUID),
    cipher,
    codec: fields.oneOf('codec', VAULT_CODECS),
    block,
    graceHours,
    created: fields.time('created'),
  };
}
