import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import type { Files } from './file.js';
import { messageOf } from '../errors.js';

/** Where parents are looked for, and where they may be. */
export interface ParentRules {
  /** More folders in which parents are looked for, by file name; whatever lies below them may be a parent. */
  readonly parentDirs?: readonly string[];
  /** Follow the paths that images name wherever they lead. Only for images from people who may read all your files. */
  readonly followAbsoluteParents?: boolean;
}

/** Why a path may not be a parent. */
export interface Refusal {
  readonly reason: string;
  /** It may be there, but it is not where parents may be. */
  readonly isOutside: boolean;
}

/**
 * The folders in which parents may be: that of the disk that the user named, and the `parentDirs`, each with all below it.
 * An image names its parent itself. One from elsewhere must not choose which files of this machine are read and uploaded.
 */
export class ParentBounds {
  readonly parentDirs: readonly string[];
  readonly #files: Files;
  readonly #followAll: boolean;
  /** As they were named, and with links resolved. */
  readonly #named: readonly string[];
  readonly #real: readonly string[];

  private constructor(files: Files, rules: ParentRules, named: readonly string[], real: readonly string[]) {
    this.#files = files;
    this.parentDirs = rules.parentDirs ?? [];
    this.#followAll = rules.followAbsoluteParents ?? false;
    this.#named = named;
    this.#real = real;
  }

  /** The bounds for the chain of a disk. */
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
   * Why a path may not be a parent; `undefined` where it may. What is outside by its name alone is not even looked at:
   * on Windows a look at a server's share already tells the server who is there. Inside, links must not lead out.
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
    return more.length === 0 ? first : `${first} and the folders of --parent-dir`;
  }
}

/** Whether an absolute path is a folder or below it. */
function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function withoutName(message: string, path: string): string {
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}
