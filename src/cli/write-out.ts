import { fstatSync, writeSync } from 'node:fs';

/**
 * Writes text to stdout. Returns false if its reader is slower: then `drain` follows. A failure is an error event of stdout. Into
 * a file, everything is written or that event follows: Node itself writes once there, and takes the part that still fits on a disk
 * for all of it.
 */
export function writeOut(text: string): boolean {
  if (!isFile()) return process.stdout.write(text);
  try {
    const bytes = Buffer.from(text);
    for (let written = 0; written < bytes.length;) written += writeSync(process.stdout.fd, bytes, written);
  } catch (error) {
    // Later, as stdout itself does: the exit code is set by then.
    process.nextTick(() => process.stdout.emit('error', error));
  }
  return true;
}

/** Returns true if stdout is a file of a disk. */
function isFile(): boolean {
  try {
    return fstatSync(process.stdout.fd).isFile();
  } catch {
    return false;
  }
}
