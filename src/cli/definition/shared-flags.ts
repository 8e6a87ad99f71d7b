import type { FormatName } from '../../disk/registry.js';
import type { FlagSet, FlagsOf } from './flag.js';

/** Flags of every command. */
export const JSON_FLAG = {
  json: {
    kind: 'switch',
    group: 'Output',
    text: 'print one JSON object instead of text',
    more: 'Errors too: docs/JSON.md has the schema.',
    hasVariable: true,
  },
} as const satisfies FlagSet;

/** Flags of every command that sends requests. */
export const OUTPUT_FLAGS = {
  ...JSON_FLAG,
  quiet: { kind: 'switch', short: 'q', group: 'Output', text: 'show no progress, only warnings', hasVariable: true },
  verbose: {
    kind: 'switch',
    short: 'v',
    group: 'Output',
    text: 'show each request, and more details',
    hasVariable: true,
  },
} as const satisfies FlagSet;

/** Flags of every command that opens a disk and its parents. */
export const PARENT_FLAGS = {
  'parent-dir': {
    kind: 'list',
    value: 'FOLDER',
    group: 'Disk',
    text: 'look for parents there too (repeatable)',
    more: 'Parents and data files that images name are accepted in this folder and below it.',
    hasVariable: true,
  },
  'follow-absolute-parents': {
    kind: 'switch',
    group: 'Disk',
    text: 'follow parent paths wherever they lead',
    more: 'Only for images that you trust.',
    isRare: true,
  },
  'ignore-checksum': {
    kind: 'switch',
    group: 'Disk',
    text: 'read images with a wrong checksum',
    more: 'In the footer or the header of a VHD.',
    isRare: true,
  },
} as const satisfies FlagSet;

/** Flags of every command that takes a disk of any format. */
export const IMAGE_FLAGS = {
  format: {
    kind: 'choice',
    choices: ['vhd', 'vhdx', 'qcow2', 'raw'] as const satisfies readonly FormatName[],
    group: 'Disk',
    text: 'format of the disk (default: by its content)',
    more: 'Its parents have the formats that the images name.',
  },
  snapshot: {
    kind: 'text',
    value: 'NAME',
    group: 'Disk',
    text: 'read this internal snapshot of a QCOW2 image',
    more: 'By its name or id. Default: the present state.',
    isRare: true,
  },
  ...PARENT_FLAGS,
} as const satisfies FlagSet;

/** Flag of every command to which the end of a disk matters. */
export const ALIGN_FLAG = {
  align: {
    kind: 'switch',
    group: 'Disk',
    text: 'round the size up to 1 MiB, with zeros',
    more: 'Virtual machines of Azure start only from disks of whole MiB. The file stays as it is.',
  },
} as const satisfies FlagSet;

/** Flags of every command that moves or compares content. */
export const PACE_FLAGS = {
  concurrency: {
    kind: 'number',
    value: 'N',
    group: 'Pace',
    text: 'requests at a time (default: adapts, up to 32)',
    more: 'From 1 to 512. Each request moves up to 4 MiB.',
    hasVariable: true,
  },
  limit: {
    kind: 'text',
    value: 'RATE',
    group: 'Pace',
    text: 'most bytes a second, such as 50M (default: none)',
    more: 'K, M, G and T are binary, as are KiB, MiB, GiB and TiB; kB, MB, GB and TB are decimal. The unit is needed. At least 1K.',
    hasVariable: true,
  },
} as const satisfies FlagSet;

/** Flags of every command that needs a credential. */
export const CREDENTIAL_FLAGS = {
  'sas-file': {
    kind: 'text',
    value: 'FILE',
    group: 'Credentials',
    text: 'read a SAS from this file',
    more: 'It is for the account of the blob, and is in no list of processes. It replaces the credentials of the environment.',
  },
  'allow-http': {
    kind: 'switch',
    group: 'Credentials',
    text: 'send credentials over plain http to other hosts',
    more: "Without it, a SAS or a key's signature goes over plain http to this machine only.",
    isRare: true,
  },
} as const satisfies FlagSet;

export type OutputFlags = FlagsOf<typeof OUTPUT_FLAGS>;
export type ParentFlags = FlagsOf<typeof PARENT_FLAGS>;
export type ImageFlags = FlagsOf<typeof IMAGE_FLAGS>;
export type AlignFlag = FlagsOf<typeof ALIGN_FLAG>;
export type PaceFlags = FlagsOf<typeof PACE_FLAGS>;
export type CredentialFlags = FlagsOf<typeof CREDENTIAL_FLAGS>;

/** A local disk, as a word of a command. */
export const DISK_WORD = { text: 'a disk image: VHD, VHDX, QCOW2 or raw', completes: 'files' } as const;
