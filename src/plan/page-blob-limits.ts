/**
 * What the service promises for one standard page blob:
 * https://learn.microsoft.com/azure/storage/blobs/scalability-targets
 */

/** The largest page blob, in bytes. */
export const MAX_PAGE_BLOB = 8 * 1024 ** 4;
/** The most requests a second. */
export const REQUESTS_PER_SECOND = 500;
/** The most bytes a second. */
export const BYTES_PER_SECOND = 60 * 1024 * 1024;
/** The most bytes that one Put Page carries. */
export const MAX_WRITE = 4 * 1024 * 1024;
