import { randomBytes } from 'node:crypto';
import { VhdupError } from '../../errors.js';
import { OBJECT_ID_BYTES } from '../../toc/entry.js';
import { pinKey } from '../../toc/object-names.js';
import { encodePin } from '../../toc/pin.js';
import type { VersionRecord } from '../../toc/record.js';
import type { Vault } from '../vault.js';

const HOUR_MS = 3_600_000;

/**
 * Keeps a version from being forgotten while another one is compared with it, for as long as the vault keeps what nothing refers to.
 * Returns what ends that; it never throws.
 */
export async function pinParent(
  vault: Vault,
  { dataset, seq }: VersionRecord,
  by: string,
): Promise<() => Promise<void>> {
  const key = pinKey(dataset, seq, randomBytes(OBJECT_ID_BYTES).toString('hex'));
  const until = new Date((await vault.store.now()) + vault.facts.graceHours * HOUR_MS).toISOString();
  const pin = encodePin({ by, why: 'push', until });
  if ((await vault.store.create(key, [pin])) === 'exists' && !(await vault.store.get(key)).equals(pin))
    throw new VhdupError('vault-damaged', `${vault.store.name}: ${key} is another object`);
  // A credential may be allowed to create only: then the pin ends by its time.
  return () => vault.store.delete(key).catch(() => undefined);
}
