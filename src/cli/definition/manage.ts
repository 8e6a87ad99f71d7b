import type { CommandDefinition, FlagSet } from './flag.js';
import { CREDENTIAL_FLAGS, OUTPUT_FLAGS, PACE_FLAGS } from './shared-flags.js';

const BLOB_WORD = { text: 'URI of a blob' } as const;

const YES_FLAG = {
  yes: { kind: 'switch', group: 'Destination', text: 'do not ask' },
} as const satisfies FlagSet;

/** `vhdup status` */
export const STATUS = {
  name: 'status',
  text: 'Show how far a push is, and which process holds the blob',
  words: { blob: BLOB_WORD },
  flags: { ...CREDENTIAL_FLAGS, ...OUTPUT_FLAGS },
  examples: [['status https://acct.blob.core.windows.net/vhds/child.vhd', 'state, lease and protection']],
} as const satisfies CommandDefinition;

/** `vhdup leaves` */
export const LEAVES = {
  name: 'leaves',
  text: 'Make the list of leaves of a blob, to push rebuilt images over it',
  words: { blob: BLOB_WORD },
  flags: { ...PACE_FLAGS, ...CREDENTIAL_FLAGS, ...OUTPUT_FLAGS },
  examples: [['leaves https://acct.blob.core.windows.net/vhds/v1.vhd', 'reads it once; for blobs of other tools']],
} as const satisfies CommandDefinition;

/** `vhdup images` */
export const IMAGES = {
  name: 'images',
  text: 'List the images in a container, and their finished versions',
  words: { container: { text: 'URI of a container' } },
  flags: {
    image: { kind: 'text', value: 'NAME', group: 'Output', text: 'show this image only' },
    ...CREDENTIAL_FLAGS,
    ...OUTPUT_FLAGS,
  },
  examples: [['images https://acct.blob.core.windows.net/vhds', 'versions, newest first; push --image makes them']],
} as const satisfies CommandDefinition;

/** `vhdup abort` */
export const ABORT = {
  name: 'abort',
  text: 'Delete the blob of an unfinished push, and no other blob',
  words: { blob: BLOB_WORD },
  flags: { ...YES_FLAG, ...CREDENTIAL_FLAGS, ...OUTPUT_FLAGS },
  examples: [['abort https://acct.blob.core.windows.net/vhds/child.vhd', 'asks first, on a terminal']],
} as const satisfies CommandDefinition;

/** `vhdup doctor` */
export const DOCTOR = {
  name: 'doctor',
  text: 'Check Node, folders, credential, clock and access',
  words: { blob: { text: 'URI of the blob that a command would use', isOptional: true } },
  flags: { ...CREDENTIAL_FLAGS, ...OUTPUT_FLAGS },
  examples: [['doctor https://acct.blob.core.windows.net/vhds/disk.vhd', 'which credential is used, and why']],
} as const satisfies CommandDefinition;

/** `vhdup seal` */
export const SEAL = {
  name: 'seal',
  text: 'Keep a finished blob from changing, by a lease or a policy',
  words: { blob: BLOB_WORD },
  flags: {
    immutable: {
      kind: 'switch',
      group: 'Seal',
      text: 'by a policy of the service, not by a lease',
      more: 'It needs version-level immutability.',
    },
    until: {
      kind: 'text',
      value: 'DAY',
      group: 'Seal',
      text: 'for --immutable: its last day, such as 2027-01-31',
      more: 'The day ends in UTC.',
    },
    days: { kind: 'number', value: 'N', group: 'Seal', text: 'for --immutable: how many days it lasts' },
    ...CREDENTIAL_FLAGS,
    ...OUTPUT_FLAGS,
  },
  examples: [['seal https://acct.blob.core.windows.net/vhds/disk.vhd', 'an infinite lease; unseal removes it']],
} as const satisfies CommandDefinition;

/** `vhdup unseal` */
export const UNSEAL = {
  name: 'unseal',
  text: 'Remove the infinite lease that seals a blob',
  words: { blob: BLOB_WORD },
  flags: {
    'lease-id': {
      kind: 'text',
      value: 'ID',
      group: 'Seal',
      text: 'id of the lease (default: the one kept here)',
    },
    break: { kind: 'switch', group: 'Seal', text: 'end the lease without its id' },
    ...YES_FLAG,
    ...CREDENTIAL_FLAGS,
    ...OUTPUT_FLAGS,
  },
  examples: [['unseal https://acct.blob.core.windows.net/vhds/disk.vhd', 'with the id that this machine keeps']],
} as const satisfies CommandDefinition;
