import { option } from '../option-names.js';

/** A format that is recognised where another one was expected. */
export interface ForeignFormat {
  readonly problem: string;
  readonly hint: string;
}

const CONVERT = 'convert it first: qemu-img convert -O vpc -o force_size=on …';
const DECOMPRESS = 'decompress it first';
const UNPACK = 'unpack it first';
const DESCRIPTOR =
  'convert the disk first, given by its descriptor (DISK.vmdk): qemu-img convert -O vpc -o force_size=on …';
/** A function, because the names of options are set after this file is loaded. */
const nameRawHint = () => `if it is the content of a raw disk, name the format with ${option('format', 'raw')}`;

/** The format is supported, but another one was named. */
const leaveOutFormat = () => `leave out ${option('format')}: the content says what it is`;

const SUPPORTED = 'only VHD, VHDX, QCOW2 and raw images are supported';
const image = (name: string): string => `this is a ${name} image; ${SUPPORTED}`;

/** What files of other formats begin with, at an offset in the first 512 bytes. */
const MAGIC: readonly (readonly [offset: number, magic: string, problem: string, hint: string | (() => string)])[] = [
  [0, 'vhdxfile', 'this is a VHDX image', leaveOutFormat],
  [0, 'QFI\xfb', 'this is a QCOW2 image', leaveOutFormat],
  [0, 'QED\0', image('QED'), CONVERT],
  [0, 'KDMV', image('VMDK'), CONVERT],
  [0, 'COWD', `this is an extent of a VMDK image; ${SUPPORTED}`, DESCRIPTOR],
  [0, '\xbe\xba\xfe\xca\0\0\0\0', `this is an extent of a VMDK image; ${SUPPORTED}`, DESCRIPTOR],
  [64, '\x7f\x10\xda\xbe', image('VDI'), CONVERT],
  [0, 'WithoutFreeSpace', image('Parallels'), CONVERT],
  [0, 'WithouFreSpacExt', image('Parallels'), CONVERT],
  [0, 'shdw', image('ASIF'), CONVERT],
  [0, '\x1f\x8b', 'this is compressed with gzip', DECOMPRESS],
  [0, '\x28\xb5\x2f\xfd', 'this is compressed with zstd', DECOMPRESS],
  [0, '\xfd7zXZ\0', 'this is compressed with xz', DECOMPRESS],
  [0, 'BZh', 'this is compressed with bzip2', DECOMPRESS],
  [0, '\x04\x22\x4d\x18', 'this is compressed with lz4', DECOMPRESS],
  [0, 'PK\x03\x04', 'this is a zip archive', UNPACK],
  [0, '7z\xbc\xaf\x27\x1c', 'this is a 7z archive', UNPACK],
  [257, 'ustar', 'this is a tar archive (an OVA is one)', UNPACK],
  [0, 'LUKS\xba\xbe', 'this is encrypted with LUKS', nameRawHint],
  [0, 'ER\x02', 'this has an Apple partition map', nameRawHint],
];

/** zstd: a skippable frame, 0x184D2A50 to 0x184D2A5F. */
const SKIPPABLE_FRAME = /^[\x50-\x5f]\x2a\x4d\x18/;
/** The descriptor of a VMDK is a text, after a byte order mark and blank lines. */
const VMDK_DESCRIPTOR = /^(?:\xef\xbb\xbf)?\s*# Disk Descriptor ?File/i;

/** Recognises formats that have no reader, or another one, by the first and last 512 bytes of a file. */
export function foreignFormat(head: Uint8Array, tail: Uint8Array): ForeignFormat | undefined {
  const start = Buffer.from(head.subarray(0, 512)).toString('latin1');
  if (VMDK_DESCRIPTOR.test(start)) return { problem: image('VMDK'), hint: CONVERT };
  if (SKIPPABLE_FRAME.test(start)) return { problem: 'this is compressed with zstd', hint: DECOMPRESS };
  if (Buffer.from(tail.subarray(0, 4)).toString('latin1') === 'koly') return { problem: image('DMG'), hint: CONVERT };
  const found = MAGIC.find(([offset, magic]) => start.startsWith(magic, offset));
  if (!found) return undefined;
  const [, , problem, hint] = found;
  return { problem, hint: typeof hint === 'string' ? hint : hint() };
}
