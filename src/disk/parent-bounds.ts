import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import type { Files } from './file.js';
import { messageOf } from '../errors.js';
import { option } from '../option-names.js';
import { displayName } from './display-name.js';
import { refusedName } from './parent-path.js';
import { withoutPath } from './without-path.js';

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
  /** The folders with links resolved, as soon as they are needed. */
  #real: readonly string[] | undefined;

  /** The bounds for the chain of a disk. */
  constructor(disk: string, files: Files, rules: ParentRules) {
    this.#files = files;
    this.parentDirs = rules.parentDirs ?? [];
    this.#followAll = rules.followAbsoluteParents ?? false;
    this.#named = [dirname(disk), ...this.parentDirs].map((folder) => resolve(folder));
  }

  /**
   * Returns why a path may not be a parent, or `undefined` if it may. A path that is outside by its name is not accessed: on Windows,
   * access to a share reveals the user to its server. A path inside must not be a link that leads out.
   */
  async refusal(path: string): Promise<Refusal | undefined> {
    const forbidden = refusedName(path);
    if (forbidden !== undefined) return { reason: forbidden, isOutside: false };
    if (this.#followAll) return undefined;
    const absolute = resolve(path);
    const folders = (this.#real ??= await this.#realFolders());
    if (![...this.#named, ...folders].some((folder) => isWithin(folder, absolute)))
      return { reason: `outside of ${this.#places()}`, isOutside: true };
    let real: string;
    try {
      real = await this.#files.realPath(absolute);
    } catch (error) {
      return { reason: withoutPath(messageOf(error), absolute), isOutside: false };
    }
    return folders.some((folder) => isWithin(folder, real))
      ? undefined
      : { reason: `a link to ${real}, outside of ${this.#places()}`, isOutside: true };
  }

  async #realFolders(): Promise<readonly string[]> {
    const real = await Promise.all(this.#named.map((folder) => this.#files.realPath(folder).catch(() => undefined)));
    return real.filter((folder) => folder !== undefined);
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

/** Returns what to do if a file that an image names was not found. `outside`: the first path that was outside of the bounds. */
export function hintFor(outside: string | undefined): string {
  if (outside === undefined) return `put the parent beside its child, or name its folder with ${option('parentDirs')}`;
  return `if you trust the image, name the parent's folder with ${option('parentDirs')} (it asks for ${displayName(dirname(outside), 1000)}), or follow its paths wherever they lead with ${option('followAbsoluteParents')}`;
}
