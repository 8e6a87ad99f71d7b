import { isBlobUri } from '../../azure/location.js';
import type { Disk, Layer } from '../../disk/disk.js';
import { openDisk } from '../../disk/open.js';
import type { BlobReport } from '../../manage/inspect-blob.js';
import { credentialOptions, blobFlags, type BlobFlags } from '../blob-flags.js';
import { imageFlags, imageOptions, type Command, type ImageFlags } from '../command.js';
import { interruptible } from '../interrupt.js';
import { printResult, table } from '../output.js';
import { size } from '../units.js';

interface InfoFlags extends ImageFlags, BlobFlags {
  readonly disk: string;
}

/** `vhdup info`: shows the properties of a disk or a blob, and its problems. */
export const infoCommand: Command<InfoFlags> = {
  command: 'info <disk>',
  describe: 'show format, id, size, chain and allocation of a disk or a blob, and what is wrong with it',
  builder: (yargs) =>
    blobFlags(imageFlags(yargs)).positional('disk', {
      type: 'string',
      demandOption: true,
      describe: 'a VHD or a raw disk, or the URI of a page blob',
    }),
  handler: async (flags) => {
    if (isBlobUri(flags.disk)) {
      const { inspectBlob } = await import('../../manage/inspect-blob.js');
      const credentials = await credentialOptions(flags, flags.disk);
      const report = await interruptible((signal) => inspectBlob(flags.disk, { ...credentials, signal }));
      printResult(flags.json, report, () => blobLines(report));
      return;
    }
    await using disk = await openDisk(flags.disk, imageOptions(flags));
    printResult(flags.json, diskJson(disk), () => diskLines(disk));
  },
};

function diskJson({ size: bytes, id, layers, warnings }: Disk): object {
  return { size: bytes, id, layers, warnings };
}

function diskLines({ layers, warnings, size: bytes }: Disk): string[] {
  const [top] = layers;
  if (!top) return [];
  return [
    top.path,
    ...table([
      ['format', `${top.format}, ${top.type}`],
      ['id', top.id ?? 'none (all zeros)'],
      ['virtual size', `${size(bytes)} (${bytes} bytes)`],
      [
        'allocated',
        `${size(top.allocated)}${top.blockSize === undefined ? '' : `, in blocks of ${size(top.blockSize)}`}`,
      ],
      ['created by', top.creator === '' ? 'unknown' : top.creator],
    ]),
    ...(layers.length > 1 ? ['  chain', ...layers.map(layerLine)] : []),
    ...[...warnings, ...layers.flatMap((layer) => layer.warnings.map((text) => `${layer.path}: ${text}`))].map(
      (text) => `  warning: ${text}`,
    ),
  ];
}

function layerLine({ path, type, id, size: bytes, allocated }: Layer, index: number): string {
  return `    ${index}  ${path}  ${type}, id ${id ?? 'none'}, ${size(allocated)} of ${size(bytes)}`;
}

function blobLines({
  uri,
  type,
  size: bytes,
  allocated,
  id,
  virtualSize,
  contentMd5,
  push,
  protection,
  problems,
}: BlobReport): string[] {
  return [
    uri,
    ...table([
      ['format', virtualSize === undefined ? (type ?? 'unknown') : 'vhd, fixed'],
      ['id', id ?? 'none'],
      virtualSize === undefined ? undefined : ['virtual size', `${size(virtualSize)} (${virtualSize} bytes)`],
      ['blob size', `${size(bytes)} (${bytes} bytes)`],
      allocated === undefined ? undefined : ['allocated', size(allocated)],
      ['Content-MD5', contentMd5 ?? 'none'],
      push && ['push', push.state],
      push?.base && ['pushed over', `${push.base.uri} (${push.base.id})`],
      ['protected by', protection ?? 'nothing: it can be changed'],
    ]),
    ...problems.map((text) => `  problem: ${text}`),
  ];
}
