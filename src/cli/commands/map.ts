import { VhdupError } from '../../errors.js';
import { isBlobUri } from '../../azure/location.js';
import { warningsOf } from '../../disk/warnings-of.js';
import { openDisk } from '../../disk/open.js';
import type { Command } from '../command.js';
import { imageOptions, requireFile } from '../disk-flags.js';
import { MAP } from '../definition/read.js';
import { printLongResult } from '../output.js';

/** `vhdup map`: lists the extents of a disk, with the file of the chain that each comes from. */
export const mapCommand: Command<typeof MAP> = {
  definition: MAP,
  handler: async (flags) => {
    if (isBlobUri(flags.disk))
      throw new VhdupError('usage', 'map takes a local file', { hint: 'vhdup info shows what is known of a blob' });
    requireFile(flags.disk, 'reads');
    await using disk = await openDisk(flags.disk, imageOptions(flags));
    const { layers } = disk;
    await printLongResult(flags.json, {
      result: {
        virtualSize: disk.size,
        layers: layers.map(({ path, id, type }) => ({ path, id, type })),
        warnings: warningsOf(disk),
      },
      list: 'extents',
      items: disk.extents(),
      heading: `${'offset'.padStart(15)} ${'length'.padStart(15)}  kind  file`,
      line: ({ offset, length, kind, layer }) =>
        `${String(offset).padStart(15)} ${String(length).padStart(15)}  ${kind}  ${kind === 'data' ? (layers[layer]?.path ?? '') : '-'}`,
    });
  },
};
