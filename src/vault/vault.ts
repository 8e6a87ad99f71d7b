import { randomUUID } from 'node:crypto';
import { VhdupError } from '../errors.js';
import { canUse, type Codec } from '../seal/unit.js';
import { ObjectMissing, type Store } from '../store/store.js';
import { VAULT_KEY } from '../toc/object-names.js';
import { encodeVaultFacts, parseVaultFacts, type VaultFacts } from '../toc/vault-json.js';
import { reading } from './damage.js';

/** How a new vault is made. */
export interface NewVault {
  /** How its units are compressed. Default: `brotli`. */
  readonly codec?: Codec | undefined;
}

const GRACE_HOURS = 24;
const BLOCK = 65_536;

/** A vault: a store, and what `vault.json` says of it. */
export class Vault {
  readonly store: Store;
  readonly facts: VaultFacts;

  private constructor(store: Store, facts: VaultFacts) {
    this.store = store;
    this.facts = facts;
  }

  /** Makes a store a vault. Throws `vault-exists` if it is one. */
  static async create(store: Store, { codec = 'brotli' }: NewVault = {}): Promise<Vault> {
    requireCodec(store, codec);
    const created = new Date(await store.now()).toISOString();
    const facts = { id: randomUUID(), cipher: 'none', codec, block: BLOCK, graceHours: GRACE_HOURS, created } as const;
    const bytes = encodeVaultFacts(facts);
    if ((await store.create(VAULT_KEY, [bytes])) === 'created' || (await store.get(VAULT_KEY)).equals(bytes))
      return new Vault(store, facts);
    throw new VhdupError('vault-exists', `${store.name}: it is a vault already`);
  }

  /** Opens a vault. Throws `version-missing` if the store is none, `vault-damaged`, or `disk-unsupported` for one that this version cannot read. */
  static async open(store: Store): Promise<Vault> {
    const bytes = await store.get(VAULT_KEY).catch((error: unknown) => {
      if (!(error instanceof ObjectMissing)) throw error;
      throw new VhdupError('version-missing', `${store.name}: it is not a vault: it has no ${VAULT_KEY}`, {
        cause: error,
      });
    });
    const facts = await reading(store, VAULT_KEY, () => parseVaultFacts(bytes));
    if (facts.cipher !== 'none')
      throw new VhdupError('disk-unsupported', `${store.name}: it is encrypted, which this version does not read`);
    requireCodec(store, facts.codec);
    return new Vault(store, facts);
  }
}

function requireCodec({ name }: Store, codec: Codec): void {
  if (!canUse(codec)) throw new VhdupError('disk-unsupported', `${name}: its codec ${codec} needs Node 22.15 or later`);
}
