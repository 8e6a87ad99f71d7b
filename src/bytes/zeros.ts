/** One MiB of zeros, shared by all. Warning: nothing may ever write to it. */
export const ZEROS = Buffer.alloc(1024 * 1024);
