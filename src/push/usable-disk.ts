import { formatSize } from '../bytes/format-size.js';
import { SECTOR } from '../bytes/sector.js';
import type { Disk } from '../disk/disk.js';
import { warningsOf } from '../disk/warnings-of.js';
import { VhdupError } from '../errors.js';
import { option } from '../option-names.js';
import { MAX_PAGE_BLOB } from '../plan/page-blob-limits.js';
import { FOOTER_LENGTH } from '../protocol/fixed-vhd.js';
import type { Session } from '../session/session.js';
import type { PushOptions } from './options.js';

const MIB = 1024 ** 2;
/** The code of the warning about a sector size; raw disks have it too. */
const SECTOR_SIZE = 'sector-size';

/**
 * Throws `disk-unsupported` if the service cannot use a disk: it does not fit in a page blob, or it is made for sectors of another
 * size, and `forceSectorSize` is not set. Warns of all other unusual things about the disk.
 */
export function requireUsableDisk(
  session: Session,
  disk: Pick<Disk, 'layers' | 'size' | 'sectorSize' | 'warnings'>,
  { forceSectorSize = false }: Pick<PushOptions, 'forceSectorSize'>,
): void {
  const path = disk.layers[0]?.path ?? '';
  if (disk.size + FOOTER_LENGTH > MAX_PAGE_BLOB)
    throw new VhdupError('disk-unsupported', `${path}: ${formatSize(disk.size)} do not fit in a page blob (8 TiB)`);
  const sectorProblem = `its sectors have ${disk.sectorSize} bytes, those of an Azure VHD ${SECTOR}: the guest finds no partitions`;
  const hasOtherSectors = disk.sectorSize !== SECTOR;
  if (hasOtherSectors && !forceSectorSize)
    throw new VhdupError('disk-unsupported', `${path}: ${sectorProblem}`, {
      hint: `if its content does not depend on the size of sectors, push it all the same with ${option('forceSectorSize')}`,
    });
  const warnings = warningsOf(disk);
  for (const warning of warnings) session.warn(warning);
  if (hasOtherSectors && !warnings.some(({ code }) => code === SECTOR_SIZE))
    session.warn({ code: SECTOR_SIZE, message: `${path}: ${sectorProblem}` });
  if (disk.size % MIB !== 0)
    session.warn({
      code: 'size-not-mib',
      message: `${path}: the size of ${disk.size} bytes is not a multiple of 1 MiB: no virtual machine of the service starts from such a disk`,
      hint: `round it up with ${option('align')}: zeros follow the content`,
    });
}
