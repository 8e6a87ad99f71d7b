import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import type { Files } from './file.js';
import { messageOf } from '../errors.js';
import { option } from '../option-names.js';

/** The folders in which parents are searched, and those in which they may be. */
export interface ParentRules {
  /** More folders in which parents are searched by file name. All files below them may be parents. */
  readonly parentDirs?: readonly string[];
  /** Follow the paths that images name wherever they lead. Use it only for images whose authors may read all your files. */
  readonly followAbsoluteParents?: boolean;
}

/** The reason why a path may not be a parent. */
export interface Refusal {
  readonly reason: string;
  /** True if the path is outside of the folders in which parents may be. */
  readonly isOutside: boolean;
}

/**
 * The folders in which parents may be: the folder of the disk that the user named, and the `parentDirs`, each with everything
 * below it. An image names its parent itself, so without bounds a foreign image could choose which files are read and uploaded.
 */
export class ParentBounds {
  readonly parentDirs: readonly string[];
  readonly #files: Files;
  readonly #followAll: boolean;
  /** The folders as they were named. */
  readonly #named: readonly string[];
  /** The folders with links resolved. */
  readonly #real: readonly string[];

  private constructor(files: Files, rules: ParentRules, named: readonly string[], real: readonly string[]) {
    this.#files = files;
    this.parentDirs = rules.parentDirs ?? [];
    this.#followAll = rules.followAbsoluteParents ?? false;
    this.#named = named;
    this.#real = real;
  }

  /** Returns the bounds for the chain of a disk. */
  static async of(disk: string, files: Files, rules: ParentRules): Promise<ParentBounds> {
    const named = [dirname(disk), ...(rules.parentDirs ?? [])].map((folder) => resolve(folder));
    const real = rules.followAbsoluteParents
      ? []
      : await Promise.all(named.map((folder) => files.realPath(folder).catch(() => undefined)));
    return new ParentBounds(
      files,
      rules,
      named,
      real.filter((folder) => folder !== undefined),
    );
  }

  /**
   * Returns why a path may not be a parent, or `undefined` if it may. A path that is outside by its name is not accessed: on Windows,
   * access to a share reveals the user to its server. A path inside must not be a link that leads out.
   */
  async refusal(path: string): Promise<Refusal | undefined> {
    if (this.#followAll) return undefined;
    const absolute = resolve(path);
    if (![...this.#named, ...this.#real].some((folder) => isWithin(folder, absolute)))
      return { reason: `outside of ${this.#places()}`, isOutside: true };
    let real: string;
    try {
      real = await this.#files.realPath(absolute);
    } catch (error) {
      return { reason: withoutName(messageOf(error), absolute), isOutside: false };
    }
    return this.#real.some((folder) => isWithin(folder, real))
      ? undefined
      : { reason: `a link to ${real}, outside of ${this.#places()}`, isOutside: true };
  }

  #places(): string {
    const [first = '', ...more] = this.#named;
    return more.length === 0 ? first : `${first} and the folders of ${option('parentDirs')}`;
  }
}

/** Returns true if an absolute path is the folder or below it. */
function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function withoutName(message: string, path: string): string {
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}
