import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { VhdupError, messageOf } from '../errors.js';
import type { Disk, FileState, SourceFile } from '../disk/disk.js';
import { WatchedDisk, type Watch } from './watched-disk.js';

/** While the files are read, their times are looked at this often, in milliseconds: thousands of small reads stay cheap. */
const LOOK_EVERY_MS = 100;
/** So often something is done anew because a file was touched meanwhile. */
const MAX_TRIES = 3;
/** Two changes within one tick of the kernel's clock (1 to 10 ms) leave the same times. */
const TICK_MS = 20;
/** The same for file systems that keep whole seconds (ext3, HFS+), or every second one. */
const COARSE_TICK_MS = 2000;
/** A change is taken for recent up to this age: the clock that stamps a file on a server may be behind. */
const RECENT_MS = 10_000;
const AGAIN_AND_AGAIN = 'it is written to, or touched, again and again';

export interface GuardOptions {
  /** Called when a file was touched, once for each state. */
  readonly onTouched?: (path: string) => void;
  /** What to do after `source-changed`. */
  readonly hint?: string;
}

/**
 * Makes sure that all that is read of a disk's files comes from one state of them.
 *
 * A look compares them with the state that `begin` found. If size, time of modification, structures or the file itself are
 * others, the disk *changed*: `source-changed` is thrown. If only the time of change (ctime) differs, a file was *touched*:
 * chmod, another hard link, or a write whose time of modification was put back. These cannot be told apart, so what was
 * read is done anew from the new state.
 */
export class SourceGuard implements Watch {
  /** The disk as it has to be read, so that a change is noticed soon. */
  readonly disk: Disk;
  readonly #source: Disk;
  readonly #options: GuardOptions;
  #files: readonly SourceFile[];
  #isTouched = false;
  /** The file that was touched last: errors name it. */
  #suspect: string;
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;

  private constructor(source: Disk, options: GuardOptions) {
    this.#source = source;
    this.#options = options;
    this.#files = source.openedFiles;
    this.#suspect = this.#files[0]?.path ?? '';
    this.disk = new WatchedDisk(this, source);
  }

  /**
   * Takes the files as they are now for the state that all has to come from. Throws `source-changed` if they are not as they
   * were when the disk was opened. Of what was read before, only the structures may be used: they are compared here.
   */
  static async begin(source: Disk, options: GuardOptions = {}): Promise<SourceGuard> {
    const guard = new SourceGuard(source, options);
    await guard.#renew();
    return guard;
  }

  get files(): readonly SourceFile[] {
    return this.#files;
  }

  /** Digest of what the files say of themselves: the same on another machine with copies of them. */
  get structure(): string {
    return digest(this.#files.map(({ structure, size }) => `${structure} ${size}`));
  }

  /** Digest of the times of modification and change: the same only if nothing touched the files on this machine. */
  get times(): string {
    return digest(this.#files.map(({ mtimeNs, ctimeNs }) => `${mtimeNs} ${ctimeNs}`));
  }

  /** Looks at all of the files, structures too. Returns false if one was touched since the state was taken; throws `source-changed`. */
  async isUntouched(): Promise<boolean> {
    this.#compare(await this.#now(() => this.#source.sourceFiles()));
    return !this.#isTouched;
  }

  async glance(): Promise<void> {
    if (performance.now() - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#looking ??= this.#lookAtTimes().finally(() => { this.#looking = undefined; });
    await this.#looking;
  }

  /**
   * Does `work` until no file was touched from its beginning to its end, each time from the state at its beginning. Throws
   * `source-changed` after three times.
   */
  async steadily<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      if (this.#isTouched) await this.#renew();
      const result = await work();
      if (await this.isUntouched()) return result;
    }
    throw this.changed(AGAIN_AND_AGAIN);
  }

  /** The error for a disk that was touched and is found to be another one. */
  changed(problem: string, cause?: unknown): VhdupError {
    return this.#error(`${this.#suspect}: ${problem}`, cause);
  }

  #error(problem: string, cause?: unknown): VhdupError {
    return new VhdupError('source-changed', `the disk changed meanwhile: ${problem}`, {
      cause,
      hint: this.#options.hint ?? 'stop what writes to it, then run the same command: what was sent is compared before it is used',
    });
  }

  /** Takes the present state. What is remembered of the files is dropped behind it: nothing of an earlier state is used. */
  async #renew(): Promise<void> {
    this.#files = await this.#settled();
    this.#source.dropCache();
    this.#isTouched = false;
    this.#lookedAt = performance.now();
  }

  /** The files in a state whose times every later write changes: the tick in which they were stamped is over. */
  async #settled(): Promise<readonly SourceFile[]> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const before = await this.#now(() => this.#source.fileStates());
      await sleep(Math.max(...before.map(restOfTick)));
      const files = await this.#now(() => this.#source.sourceFiles());
      this.#throwIfChanged(files);
      if (files.every(({ ctimeNs }, index) => ctimeNs === before[index]?.ctimeNs)) return files;
    }
    throw this.changed(AGAIN_AND_AGAIN);
  }

  async #lookAtTimes(): Promise<void> {
    const now = await this.#now(() => this.#source.fileStates());
    this.#lookedAt = performance.now();
    // Reads behind the end of a file that is cut short say more about it; if there are none, the last look finds it.
    const isCut = now.some(({ size }, index) => size < (this.#files[index]?.size ?? 0));
    if (!isCut) this.#compare(now);
  }

  /** A file that is gone or cut short is a changed one too. */
  async #now<T>(look: () => Promise<T>): Promise<T> {
    try {
      return await look();
    } catch (error) {
      throw this.#error(messageOf(error), error);
    }
  }

  #compare(now: readonly FileState[]): void {
    this.#throwIfChanged(now);
    const touched = this.#files.find(({ ctimeNs }, index) => ctimeNs !== now[index]?.ctimeNs);
    if (!touched || this.#isTouched) return;
    this.#isTouched = true;
    this.#suspect = touched.path;
    this.#options.onTouched?.(touched.path);
  }

  #throwIfChanged(now: readonly (FileState | SourceFile)[]): void {
    for (const [index, before] of this.#files.entries()) {
      const after = now[index];
      const change = after?.fileId !== before.fileId ? 'another file is in its place'
        : after.size !== before.size ? `its size was ${before.size} bytes and is ${after.size}`
        : after.mtimeNs !== before.mtimeNs ? 'it was written to (modification time)'
        : 'structure' in after && after.structure !== before.structure ? 'its footer, header or block table is another one'
        : undefined;
      if (change !== undefined) throw this.#error(`${before.path}: ${change}`);
    }
  }
}

/** How long it may take until the tick in which a file was changed last is over, in milliseconds. */
function restOfTick({ ctimeNs, seenMs }: FileState): number {
  if (seenMs - Number(ctimeNs / 1_000_000n) > RECENT_MS) return 0;
  return ctimeNs % 1_000_000_000n === 0n ? COARSE_TICK_MS : TICK_MS;
}

function digest(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}
