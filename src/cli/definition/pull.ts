import type { CommandDefinition } from './flag.js';
import { CREDENTIAL_FLAGS, OUTPUT_FLAGS, PACE_FLAGS, PARENT_FLAGS } from './shared-flags.js';

/** `vhdup pull` */
export const PULL = {
  name: 'pull',
  text: 'Download a page blob to a disk, whole or as a differencing VHD',
  words: {
    blob: { text: 'URI of the page blob' },
    file: { text: 'the file to write', completes: 'files' },
  },
  flags: {
    format: {
      kind: 'choice',
      choices: ['dynamic', 'fixed', 'raw'],
      default: 'dynamic',
      group: 'Destination',
      text: 'format of the file',
      more: '"dynamic" is a sparse VHD, "fixed" the blob byte for byte, "raw" the disk without its footer.',
    },
    onto: {
      kind: 'text',
      value: 'PARENT',
      group: 'Destination',
      text: 'write a differencing VHD over this local ancestor',
    },
    overwrite: {
      kind: 'switch',
      group: 'Destination',
      text: 'replace a file when the new one is complete',
    },
    'check-md5': {
      kind: 'switch',
      isOn: true,
      group: 'Verify',
      text: "do not compare the result with the blob's digests",
      isRare: true,
    },
    ...PACE_FLAGS,
    ...CREDENTIAL_FLAGS,
    ...PARENT_FLAGS,
    ...OUTPUT_FLAGS,
  },
  examples: [
    ['pull https://acct.blob.core.windows.net/vhds/disk.vhd disk.vhd', 'download the disk to a dynamic VHD'],
    [
      'pull https://acct.blob.core.windows.net/vhds/c.vhd c.vhd --onto disk.vhd',
      'keep only what differs from disk.vhd',
    ],
  ],
  notes: 'Interrupted? Run the same command again.',
} as const satisfies CommandDefinition;
