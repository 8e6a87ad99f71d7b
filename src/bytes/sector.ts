/** Bytes of a sector of a disk: every offset and length of a range of a disk is a multiple of it. */
export const SECTOR = 512;

/** Bytes of a page of a page blob. A page holds one sector. */
export const PAGE = SECTOR;
