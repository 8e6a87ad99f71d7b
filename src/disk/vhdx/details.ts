import type { LayerDetail } from '../disk.js';
import { displayName } from '../display-name.js';
import type { Structure } from './structure.js';

/** Returns what only VHDX images say about themselves. Properties with their usual value are left out. */
export function detailsOf({ metadata, log }: Structure): LayerDetail[] {
  const { logicalSectorSize, physicalSectorSize, virtualDiskId, parent } = metadata;
  const details: LayerDetail[] = [];
  if (physicalSectorSize !== logicalSectorSize)
    details.push(bytesDetail('physicalSectorSize', 'physical sector size', physicalSectorSize));
  if (log.state !== 'none') {
    const text =
      log.state === 'stale'
        ? 'stale: nothing to replay'
        : `pending, replayed: ${log.entries} ${log.entries === 1 ? 'entry' : 'entries'}`;
    details.push({ name: 'log', label: 'log', value: text, text });
  }
  if (virtualDiskId !== undefined)
    details.push({ name: 'virtualDiskId', label: 'virtual disk id', value: virtualDiskId, text: virtualDiskId });
  if (parent) {
    const paths = parent.paths.map((path) => displayName(path));
    details.push({ name: 'parentPaths', label: 'parent paths', value: paths, text: paths.join(', ') });
  }
  return details;
}

function bytesDetail(name: string, label: string, bytes: number): LayerDetail {
  return { name, label, value: bytes, text: `${bytes} bytes` };
}
