import type { Disk, Layer } from '../../disk/disk.js';
import type { BlobReport } from '../../manage/inspect-blob.js';
import { warningsOf } from '../../disk/warnings-of.js';
import { table } from '../output.js';
import { size } from '../units.js';
import { exactSize } from './amounts.js';
import { recordJson } from './push-record.js';
import { PUSH_STATES } from './status.js';

/** Returns the properties of a disk for programs. */
export function diskJson(disk: Disk): object {
  return {
    id: disk.id,
    virtualSize: disk.size,
    layers: disk.layers.map((layer) => ({
      path: layer.path,
      format: layer.format,
      type: layer.type,
      id: layer.id,
      isIdDerived: layer.isIdDerived,
      parentId: layer.parentId,
      virtualSize: layer.size,
      allocated: layer.allocated,
      blockSize: layer.blockSize,
      creator: layer.creator,
    })),
    warnings: warningsOf(disk),
  };
}

/** Returns the properties of a disk for people. */
export function diskLines(disk: Disk): string[] {
  const { layers, size: bytes } = disk;
  const [top] = layers;
  if (!top) return [];
  return [
    top.path,
    ...table([
      ['format', `${top.format}, ${top.type}`],
      ['id', top.id ?? 'none (all zeros)'],
      ['virtual size', exactSize(bytes)],
      [
        'allocated',
        `${size(top.allocated)}${top.blockSize === undefined ? '' : `, in blocks of ${size(top.blockSize)}`}`,
      ],
      ['created by', top.creator === '' ? 'unknown' : top.creator],
    ]),
    ...(layers.length > 1 ? ['  chain', ...layers.map(layerLine)] : []),
    ...warningsOf(disk).flatMap(({ message, hint }) => [
      `  warning: ${message}`,
      ...(hint === undefined ? [] : [`    ${hint}`]),
    ]),
  ];
}

function layerLine({ path, type, id, size: bytes, allocated }: Layer, index: number): string {
  return `    ${index}  ${path}  ${type}, id ${id ?? 'none'}, ${size(allocated)} of ${size(bytes)}`;
}

/** Returns the properties of a blob for programs. */
export function blobJson(report: BlobReport): object {
  return {
    blob: report.blob,
    type: report.type,
    id: report.id,
    virtualSize: report.virtualSize,
    blobSize: report.blobSize,
    allocated: report.allocated,
    contentMd5: report.contentMd5,
    etag: report.etag,
    state: report.state,
    push: report.push && recordJson(report.push),
    protection: report.protection,
    problems: report.problems,
    warnings: report.warnings,
  };
}

/** Returns the properties of a blob for people. */
export function blobLines({
  blob,
  type,
  blobSize,
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
    blob,
    ...table([
      ['format', virtualSize === undefined ? (type ?? 'unknown') : 'vhd, fixed'],
      ['id', id ?? 'none'],
      virtualSize === undefined ? undefined : ['virtual size', exactSize(virtualSize)],
      ['blob size', exactSize(blobSize)],
      allocated === undefined ? undefined : ['allocated', size(allocated)],
      ['Content-MD5', contentMd5 ?? 'none'],
      push && ['push', PUSH_STATES[state]],
      push?.base && ['base', `${push.base.uri} (id ${push.base.id})`],
      ['protected by', protection ?? 'nothing: it can change'],
    ]),
    ...problems.map((text) => `  problem: ${text}`),
  ];
}
