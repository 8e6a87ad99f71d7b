import { createHash } from 'node:crypto';
import { VhdupError, messageOf } from '../errors.js';
import type { Disk, SourceFile } from '../disk/disk.js';

/** The files of a disk as they were when it was opened; what is read must be one state of them. */
export class SourceGuard {
  readonly files: readonly SourceFile[];
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.#disk = disk;
    this.files = disk.openedFiles;
  }

  /** Digest of what the files say of themselves: the same on another machine with copies of them. */
  get structure(): string {
    return digest(this.files.map(({ structure, size }) => `${structure} ${size}`));
  }

  /** Digest of the times of modification and change: the same only where nothing touched the files on this machine. */
  get times(): string {
    return digest(this.files.map(({ mtimeNs, ctimeNs }) => `${mtimeNs} ${ctimeNs}`));
  }

  /** Throws `source-changed`, naming the file, where one is no longer as it was. */
  async check(): Promise<void> {
    let now: readonly SourceFile[];
    try {
      now = await this.#disk.sourceFiles();
    } catch (error) {
      throw changed(messageOf(error), error);
    }
    for (const [index, before] of this.files.entries()) {
      const after = now[index];
      if (after?.size !== before.size) throw changed(`${before.path}: its size was ${before.size} bytes and is ${after?.size ?? 0}`);
      if (after.mtimeNs !== before.mtimeNs) throw changed(`${before.path}: it was written to (modification time)`);
      if (after.structure !== before.structure) throw changed(`${before.path}: its footer is another one`);
    }
  }
}

function changed(what: string, cause?: unknown): VhdupError {
  return new VhdupError('source-changed', `the disk changed meanwhile: ${what}`, {
    cause,
    hint: 'stop what writes to it, then run the same command: what was sent is compared before it is used',
  });
}

function digest(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}
