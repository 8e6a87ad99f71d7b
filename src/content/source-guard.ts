import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { VhdupError, messageOf } from '../errors.js';
import type { Disk, FileState, SourceFile } from '../disk/disk.js';
import { WatchedDisk, type Watch } from './watched-disk.js';

/** The shortest time between two checks of the files' times, in milliseconds, so that small reads stay cheap. */
const CHECK_INTERVAL_MS = 100;
/** The number of times that work is tried if files are touched meanwhile. */
const MAX_TRIES = 3;
/** Two changes within one tick of the kernel's clock (1 to 10 ms) leave the same times. */
const TICK_MS = 20;
/** The same for file systems that store whole seconds (ext3, HFS+) or two seconds (FAT). */
const COARSE_TICK_MS = 2000;
/** Changes up to this age count as recent: the clock of a file server may be behind. */
const RECENT_MS = 10_000;
/** The problem if all tries fail. */
const ALWAYS_TOUCHED = 'it is written to, or touched, again and again';

/** Options of a guard. */
export interface GuardOptions {
  /** Called with the path when a file was touched, once for each state. */
  readonly onTouched?: (path: string) => void;
  /** The hint of `source-changed`. Default: for a push. */
  readonly hint?: string;
}

/**
 * Makes sure that everything that is read from a disk's files comes from one state of them.
 *
 * Each check compares them with the state that `begin` found. If size, time of modification, structures or the file
 * itself differ, the disk *changed*: `source-changed` is thrown. If only the time of change (ctime) differs, a file was
 * *touched*: chmod, another hard link, or a write whose time of modification was put back. These look the same, so
 * everything that depends on the content is repeated from the new state.
 */
export class SourceGuard implements Watch {
  /** The disk to read from. Its reads throw `source-changed` soon after a change. */
  readonly disk: Disk;
  readonly #source: Disk;
  readonly #options: GuardOptions;
  #files: readonly SourceFile[];
  #isTouched = false;
  /** The file that was touched last, for messages. */
  #suspect: string;
  #checkedAt = -Infinity;
  #checking: Promise<void> | undefined;

  private constructor(source: Disk, options: GuardOptions) {
    this.#source = source;
    this.#options = options;
    this.#files = source.openedFiles;
    this.#suspect = this.#files[0]?.path ?? '';
    this.disk = new WatchedDisk(this, source);
  }

  /**
   * Returns a guard that takes the present state of the files as the one that all content has to come from. Throws
   * `source-changed` if they changed since the disk was opened. Of what was read before, only the structures may be
   * used: they are compared here.
   */
  static async begin(source: Disk, options: GuardOptions = {}): Promise<SourceGuard> {
    const guard = new SourceGuard(source, options);
    await guard.#renew();
    return guard;
  }

  /** The files in the state that was taken, top first. */
  get files(): readonly SourceFile[] {
    return this.#files;
  }

  /** A digest of the files' structures and sizes. It is the same on another machine with copies of the files. */
  get structure(): string {
    return digest(this.#files.map(({ structure, size }) => `${structure} ${size}`));
  }

  /**
   * A digest of the times of modification and change. It is the same only if nothing touched the files on this machine.
   */
  get times(): string {
    return digest(this.#files.map(({ mtimeNs, ctimeNs }) => `${mtimeNs} ${ctimeNs}`));
  }

  /**
   * Compares everything about the files, also their structures. Returns false if a file was touched since the state was
   * taken. Throws `source-changed`.
   */
  async isUntouched(): Promise<boolean> {
    this.#compare(await this.#now(() => this.#source.sourceFiles()));
    return !this.#isTouched;
  }

  /** Compares the times and sizes of the files, unless that was done a moment ago. Throws `source-changed`. */
  async checkTimes(): Promise<void> {
    if (performance.now() - this.#checkedAt < CHECK_INTERVAL_MS) return;
    this.#checking ??= this.#compareTimes().finally(() => {
      this.#checking = undefined;
    });
    await this.#checking;
  }

  /**
   * Repeats `work`, each time from the present state, until no file is touched while it runs; returns its result.
   * Throws `source-changed` after three tries.
   */
  async repeatUntilUntouched<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      if (this.#isTouched) await this.#renew();
      const result = await work();
      if (await this.isUntouched()) return result;
    }
    throw this.changed(ALWAYS_TOUCHED);
  }

  /** Returns the error to throw if the disk was touched and its content is different now. */
  changed(problem: string, cause?: unknown): VhdupError {
    return this.#error(`${this.#suspect}: ${problem}`, cause);
  }

  #error(problem: string, cause?: unknown): VhdupError {
    return new VhdupError('source-changed', `the disk changed meanwhile: ${problem}`, {
      cause,
      hint:
        this.#options.hint ??
        'stop what writes to it, then run the same command: what was sent is compared before it is used',
    });
  }

  /** Takes the present state, and drops the disk's cache, so that nothing from an earlier state is used. */
  async #renew(): Promise<void> {
    this.#files = await this.#settled();
    this.#source.dropCache();
    this.#isTouched = false;
    this.#checkedAt = performance.now();
  }

  /** Waits until the clock ticks, and returns the files: every later write then changes their times. */
  async #settled(): Promise<readonly SourceFile[]> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const before = await this.#now(() => this.#source.fileStates());
      await sleep(Math.max(...before.map(restOfTick)));
      const files = await this.#now(() => this.#source.sourceFiles());
      this.#throwIfChanged(files);
      if (files.every(({ ctimeNs }, index) => ctimeNs === before[index]?.ctimeNs)) return files;
    }
    throw this.changed(ALWAYS_TOUCHED);
  }

  async #compareTimes(): Promise<void> {
    const now = await this.#now(() => this.#source.fileStates());
    this.#checkedAt = performance.now();
    // If a file was cut short, a read behind its end throws a better error. Without such a read, `isUntouched` throws.
    const isCut = now.some(({ size }, index) => size < (this.#files[index]?.size ?? 0));
    if (!isCut) this.#compare(now);
  }

  /**
   * Calls `look`. Throws `source-changed` if it fails, because a file that cannot be read any longer counts as changed.
   */
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
      const change =
        after?.fileId !== before.fileId
          ? 'another file is in its place'
          : after.size !== before.size
            ? `its size was ${before.size} bytes and is ${after.size}`
            : after.mtimeNs !== before.mtimeNs
              ? 'it was written to (modification time)'
              : 'structure' in after && after.structure !== before.structure
                ? 'its headers or tables are no longer the same'
                : undefined;
      if (change !== undefined) throw this.#error(`${before.path}: ${change}`);
    }
  }
}

/** Returns the most milliseconds until the clock ticks after a file's last change; 0 if the change is old. */
function restOfTick({ ctimeNs, seenMs }: FileState): number {
  if (seenMs - Number(ctimeNs / 1_000_000n) > RECENT_MS) return 0;
  return ctimeNs % 1_000_000_000n === 0n ? COARSE_TICK_MS : TICK_MS;
}

function digest(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}
