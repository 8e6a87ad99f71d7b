import type { Warning } from '../errors.js';
import type { Disk } from './disk.js';

/** Returns all warnings of a disk: those of the chain, then those of each layer with its path. */
export function warningsOf({ warnings, layers }: Pick<Disk, 'warnings' | 'layers'>): readonly Warning[] {
  return [
    ...warnings,
    ...layers.flatMap((layer) =>
      layer.warnings.map((warning) => ({ ...warning, message: `${layer.path}: ${warning.message}` })),
    ),
  ];
}
