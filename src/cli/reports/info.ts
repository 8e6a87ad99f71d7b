import type { Disk, DetailValue, Layer } from '../../disk/disk.js';
import { SECTOR } from '../../bytes/sector.js';
import type { BlobReport } from '../../manage/inspect-blob.js';
import { warningsOf } from '../../disk/warnings-of.js';
import { table } from '../output.js';
import { size } from '../units.js';
import { exactSize } from './amounts.js';
import type { ReportOptions } from './options.js';
import { leafListJson, leafListRow } from './leaf-list.js';
import { imageRow, recordJson, recordedBaseRow } from './push-record.js';
import { PUSH_STATES } from './status.js';

/** What a report says of a disk. */
type DescribedDisk = Pick<Disk, 'id' | 'size' | 'sectorSize' | 'layers' | 'warnings'>;

/** Returns the properties of a disk for programs. */
export function diskJson(disk: DescribedDisk): object {
  return {
    id: disk.id,
    virtualSize: disk.size,
    sectorSize: disk.sectorSize,
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
      sectorSize: layer.sectorSize,
      creator: layer.creator,
      details: detailsJson(layer),
    })),
    warnings: warningsOf(disk),
  };
}

/** Returns what only some formats say, as an object; absent if there is nothing. */
function detailsJson({ details }: Layer): Readonly<Record<string, DetailValue>> | undefined {
  return details.length === 0 ? undefined : Object.fromEntries(details.map(({ name, value }) => [name, value]));
}

/** Returns the properties of a disk for people; with `verbose` the details of all layers, not of the top one only. */
export function diskLines(disk: DescribedDisk, { verbose }: ReportOptions = { verbose: false }): string[] {
  const { layers, size: bytes, sectorSize } = disk;
  const [top] = layers;
  if (!top) return [];
  const hasOneFormat = layers.every(({ format }) => format === top.format);
  return [
    top.path,
    ...table([
      ['format', `${top.format}, ${top.type}`],
      ['id', top.id === undefined ? 'none (all zeros)' : idOf(top)],
      ['virtual size', exactSize(bytes)],
      sectorSize === SECTOR ? undefined : ['sector size', `${sectorSize} bytes`],
      [
        'allocated',
        `${size(top.allocated)}${top.blockSize === undefined ? '' : `, in blocks of ${size(top.blockSize)}`}`,
      ],
      ['created by', top.creator === '' ? 'unknown' : top.creator],
      ...detailRows(top),
    ]),
    ...(layers.length > 1 ? ['  chain'] : []),
    ...(layers.length > 1 ? layers : []).flatMap((layer, index) => [
      layerLine(layer, index, hasOneFormat ? '' : `${layer.format}, `),
      ...(verbose && index > 0 && layer.details.length > 0 ? table(detailRows(layer)).map((row) => `     ${row}`) : []),
    ]),
    ...warningsOf(disk).flatMap(({ message, hint }) => [
      `  warning: ${message}`,
      ...(hint === undefined ? [] : [`    ${hint}`]),
    ]),
  ];
}

function detailRows({ details }: Layer): (readonly [name: string, value: string])[] {
  return details.map(({ label, text }) => [label, text] as const);
}

/** Returns the id of a layer; it says so if the file carries none. */
function idOf({ id, isIdDerived }: Layer): string {
  return `${id ?? 'none'}${isIdDerived ? ' (derived: the file carries none)' : ''}`;
}

function layerLine({ path, type, id, size: bytes, allocated }: Layer, index: number, format: string): string {
  return `    ${index}  ${path}  ${format}${type}, id ${id ?? 'none'}, ${size(allocated)} of ${size(bytes)}`;
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
    leafList: report.leafList && leafListJson(report.leafList),
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
  leafList,
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
      push?.base && recordedBaseRow(push.base),
      push && imageRow(push),
      ['protected by', protection ?? 'nothing: it can change'],
      leafList && leafListRow(leafList),
    ]),
    ...problems.map((text) => `  problem: ${text}`),
  ];
}
