import type { CommandDefinition } from './flag.js';
import {
  ALIGN_FLAG,
  CREDENTIAL_FLAGS,
  DISK_WORD,
  IMAGE_FLAGS,
  JSON_FLAG,
  OUTPUT_FLAGS,
  PACE_FLAGS,
} from './shared-flags.js';

/** `vhdup verify` */
export const VERIFY = {
  name: 'verify',
  text: 'Compare a disk with a blob, byte for byte, and show what differs',
  words: { disk: DISK_WORD, blob: { text: 'URI of a page blob' } },
  flags: {
    deep: {
      kind: 'switch',
      isOn: true,
      group: 'Verify',
      text: 'compare size, footer and digests only; fetch nothing',
    },
    ...PACE_FLAGS,
    ...CREDENTIAL_FLAGS,
    ...IMAGE_FLAGS,
    ...ALIGN_FLAG,
    ...OUTPUT_FLAGS,
  },
  examples: [
    ['verify child.vhd https://acct.blob.core.windows.net/vhds/child.vhd', 'exit code 0: equal; 9: not equal'],
  ],
} as const satisfies CommandDefinition;

/** `vhdup info` */
export const INFO = {
  name: 'info',
  text: 'Show format, id, size, chain and problems of a disk or a blob',
  words: { disk: { text: 'a disk image, or the URI of a page blob', completes: 'files' } },
  flags: { ...CREDENTIAL_FLAGS, ...IMAGE_FLAGS, ...ALIGN_FLAG, ...OUTPUT_FLAGS },
  examples: [
    ['info child.vhd', 'the disk, and each file of its chain'],
    ['info disk.qcow2 --snapshot before-update', 'the disk as an internal snapshot has it'],
  ],
} as const satisfies CommandDefinition;

/** `vhdup map` */
export const MAP = {
  name: 'map',
  text: 'List the extents of a disk, and the file that each comes from',
  words: { disk: DISK_WORD },
  flags: { ...IMAGE_FLAGS, ...ALIGN_FLAG, ...JSON_FLAG },
  examples: [['map child.vhd', 'one line for each extent']],
} as const satisfies CommandDefinition;

/** `vhdup check` */
export const CHECK = {
  name: 'check',
  text: 'Check a disk and its parents, and list all problems',
  words: { disk: DISK_WORD },
  flags: { ...IMAGE_FLAGS, ...JSON_FLAG },
  examples: [['check child.vhd', 'exit code 0: no errors (there may be warnings); 3: errors']],
} as const satisfies CommandDefinition;
