import type { CommandDefinition, FlagSet } from './flag.js';
import { ALIGN_FLAG, CREDENTIAL_FLAGS, DISK_WORD, IMAGE_FLAGS, OUTPUT_FLAGS, PACE_FLAGS } from './shared-flags.js';

const DESTINATION_FLAGS = {
  to: {
    kind: 'text',
    value: 'URI',
    group: 'Destination',
    text: 'the same as DEST',
    more: "Default: the base's container and the file's name.",
    isRare: true,
  },
  overwrite: {
    kind: 'switch',
    group: 'Destination',
    text: 'replace another blob; it is deleted first',
  },
  'dry-run': {
    kind: 'switch',
    short: 'n',
    group: 'Destination',
    text: 'print the plan, change nothing',
  },
} as const satisfies FlagSet;

const SERIES_FLAGS = {
  image: {
    kind: 'text',
    value: 'NAME',
    group: 'Destination',
    text: 'record it as the next version of this image',
    more: 'The versions of an image are counted 1, 2, 3, … in each container. The credential has to allow writing to the container and listing it.',
  },
  'image-tag': {
    kind: 'text',
    value: 'TAG',
    group: 'Destination',
    text: 'for --image: its version, instead of a number',
    more: 'Up to 64 letters, digits, ".", "_" and "-". A number counts as a number, and the next version gets the one after it.',
    isRare: true,
  },
} as const satisfies FlagSet;

const BASE_FLAGS = {
  base: {
    kind: 'text',
    value: 'URI',
    group: 'Base',
    text: 'copy this blob, send what differs; auto finds one',
    more: 'The blob of an ancestor, or of any earlier image: of one that is no ancestor the leaves are compared. The service copies it, and only the differences are sent. "auto" looks in the container of the destination for the nearest ancestor, then the version of the image with the most in common, and sends everything if there is none; it is the default with --image. "image:NAME" is the newest finished version of that image there, "image:NAME@VERSION" the one with that number or tag.',
  },
  compare: {
    kind: 'choice',
    value: 'HOW',
    choices: ['auto', 'layers', 'leaves'],
    group: 'Base',
    text: 'find changes by auto (default), layers or leaves',
    more: 'By the layers above the ancestor that the base is, or by the digests of all 64 KiB of the disk and of the base (docs/LEAVES.md). "auto" goes by layers if the base is an ancestor.',
    isRare: true,
  },
  'base-disk': {
    kind: 'text',
    value: 'FILE',
    group: 'Base',
    text: 'the local disk that the base was made from',
    more: 'For a base without a list of leaves, such as one of another tool. Its content is compared with the Content-MD5 or the tree digest of the base first.',
    isRare: true,
  },
  'read-base': {
    kind: 'switch',
    group: 'Base',
    text: 'read the base if its leaves are not known',
    more: 'All its pages are downloaded to compare them.',
    isRare: true,
  },
  'require-sealed-base': {
    kind: 'switch',
    group: 'Base',
    text: 'accept only a base that cannot change',
    more: 'A snapshot, a version, or a blob under an infinite lease, a legal hold or an immutability policy.',
    hasVariable: true,
  },
  'base-check': {
    kind: 'choice',
    value: 'HOW',
    choices: ['content', 'md5', 'id'],
    default: 'content',
    group: 'Base',
    text: 'compare content, md5 or id of base and ancestor',
    more: '"content" compares the tree digest, or Content-MD5 if there is none; "md5" always compares Content-MD5; "id" compares the id alone, which says nothing about the content.',
    isRare: true,
  },
} as const satisfies FlagSet;

const VERIFY_FLAGS = {
  verify: {
    kind: 'choice',
    choices: ['sent', 'all'],
    alone: 'sent',
    group: 'Verify',
    text: 'fetch what was sent (or all), and compare it',
    more: 'The blob is complete only if it is equal. --verify alone means --verify=sent.',
    hasVariable: true,
  },
  'content-md5': {
    kind: 'choice',
    value: 'WHEN',
    choices: ['auto', 'always', 'never'],
    group: 'Verify',
    text: 'set Content-MD5: auto (default), always, never',
    more: 'This reads the whole disk, holes included. "auto" sets it if that is cheap: if at least an eighth of the disk is sent, or if the disk has at most 512 MiB. The tree digest is always recorded.',
  },
  'no-md5': {
    kind: 'switch',
    group: 'Verify',
    text: 'the same as --content-md5 never',
    isRare: true,
  },
} as const satisfies FlagSet;

const SEAL_FLAGS = {
  seal: {
    kind: 'choice',
    choices: ['lease', 'immutable'],
    alone: 'lease',
    group: 'Seal',
    text: 'keep the finished blob from changing',
    more: 'By an infinite lease, or by an immutability policy of the service. --seal alone means --seal=lease.',
  },
  'seal-until': {
    kind: 'text',
    value: 'DAY',
    group: 'Seal',
    text: 'for =immutable: its last day, such as 2027-01-31',
    more: 'The day ends in UTC.',
    isRare: true,
  },
  'seal-days': {
    kind: 'number',
    value: 'N',
    group: 'Seal',
    text: 'for =immutable: how many days it lasts',
    isRare: true,
  },
} as const satisfies FlagSet;

/** Flags of push alone that are seldom needed. */
const TUNING_FLAGS = {
  gap: {
    kind: 'text',
    value: 'SIZE',
    group: 'Pace',
    text: 'send gaps of up to this size, such as 245K',
    more: 'Gaps are unchanged bytes between changes: to send them saves requests. At most 4M. Default: 16K, and up to 122.5K if the link makes that faster.',
    isRare: true,
  },
  'leaf-list': {
    kind: 'switch',
    isOn: true,
    group: 'Destination',
    text: 'write no list of leaves beside the blob',
    more: 'NAME.vhdup-leaves has the digests that a later push of a rebuilt image compares with.',
    isRare: true,
  },
  'force-sector-size': {
    kind: 'switch',
    group: 'Disk',
    text: 'push a disk whose sectors are not of 512 bytes',
    more: 'A guest finds no partitions on it, because the sectors of an Azure VHD have 512 bytes.',
    isRare: true,
  },
  cache: {
    kind: 'switch',
    isOn: true,
    group: 'Disk',
    text: 'do not use or keep digests of unchanged files',
    more: "They are in the user's cache folder.",
    isRare: true,
    hasVariable: true,
  },
} as const satisfies FlagSet;

/** `vhdup push` */
export const PUSH = {
  name: 'push',
  text: 'Upload a disk to a page blob; send only what changed',
  words: {
    disk: DISK_WORD,
    dest: {
      text: 'URI of the blob, or of its container with / at the end',
      isOptional: true,
    },
  },
  flags: {
    ...DESTINATION_FLAGS,
    ...SERIES_FLAGS,
    ...BASE_FLAGS,
    ...VERIFY_FLAGS,
    ...PACE_FLAGS,
    ...CREDENTIAL_FLAGS,
    ...SEAL_FLAGS,
    ...IMAGE_FLAGS,
    ...ALIGN_FLAG,
    ...TUNING_FLAGS,
    ...OUTPUT_FLAGS,
  },
  examples: [
    [
      'push disk.qcow2 https://acct.blob.core.windows.net/vhds/disk.vhd --align',
      'send everything but zeros; a disk of whole MiB',
    ],
    ['push child.vhd --base https://acct.blob.core.windows.net/vhds/disk.vhd', 'copy disk.vhd, send the differences'],
  ],
  notes: 'Interrupted? Run the same command again.',
} as const satisfies CommandDefinition;
