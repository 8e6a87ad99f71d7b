import type { Disk, Layer } from '../../disk/disk.js';
import type { BlobReport } from '../../manage/inspect-blob.js';
import { table } from '../output.js';
import { size } from '../units.js';
import { PUSH_STATES } from './status.js';

/** Returns the properties of a disk for programs. */
export function diskJson({ size: bytes, id, layers, warnings }: Disk): object {
  return { size: bytes, id, layers, warnings };
}

/** Returns the properties of a disk for people. */
export function diskLines({ layers, warnings, size: bytes }: Disk): string[] {
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

/** Returns the properties of a blob for people. */
export function blobLines({
  uri,
  type,
  size: bytes,
  allocated,
  id,
  virtualSize,
  contentMd5,
  state,
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
      push && ['push', PUSH_STATES[state]],
      push?.base && ['pushed over', `${push.base.uri} (${push.base.id})`],
      ['protected by', protection ?? 'nothing: it can be changed'],
    ]),
    ...problems.map((text) => `  problem: ${text}`),
  ];
}
