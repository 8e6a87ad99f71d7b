import { installed, touched } from './children.js';
import { converted, type Conversion } from './converted.js';
import type { ChildInput, Input } from './input.js';
import { manyClusters } from './many-clusters.js';
import { metadataOnly } from './metadata-only.js';
import { rootFileSystem } from './root-file-system.js';
import { rootVersions, type RootVersions } from './root-versions.js';
import { dense, huge, hugeAgain, large, largeAgain, scattered, sparse } from './scattered.js';
import { MIB } from './input.js';

/** All inputs, each made when it is first asked for. */
export interface Inputs {
  scattered(): Promise<Input>;
  large(): Promise<Input>;
  huge(): Promise<Input>;
  /** The two above with some changes, as disks of their own. */
  largeAgain(): Promise<Input>;
  hugeAgain(): Promise<Input>;
  sparse(): Promise<Input>;
  /** For the limits of a line: 512 MiB. */
  dense(): Promise<Input>;
  /** For a slow line: so much that a request could get too old. */
  little(): Promise<Input>;
  root(): Promise<Input>;
  installed(): Promise<ChildInput>;
  touched(): Promise<ChildInput>;
  /** The same root in four versions, changed in place and rebuilt. */
  versions(): Promise<RootVersions>;
  /** The file system and the two disks for the memory in another format. */
  rootAs(conversion: Conversion): Promise<Input>;
  largeAs(conversion: Conversion): Promise<Input>;
  hugeAs(conversion: Conversion): Promise<Input>;
  /** Path of a QCOW2 image with a million clusters that hold nothing. */
  manyClusters(): Promise<string>;
  /** Path of the top of a chain without data. */
  metadataOnly(): Promise<string>;
}

/** Inputs in `folder`; `say` hears of each that is made. */
export function inputsIn(folder: string, say: (text: string) => void): Inputs {
  const once = <T>(name: string, make: () => Promise<T>): (() => Promise<T>) => {
    let made: Promise<T> | undefined;
    return () => {
      if (!made) say(`making input: ${name}`);
      return (made ??= make());
    };
  };
  const root = once('file system', () => rootFileSystem(folder));
  const middle = once('child with installed packages', async () => installed(folder, await root()));
  const large8 = once('8 GiB', () => large(folder));
  const huge2040 = once('2040 GiB', () => huge(folder));
  const as = (from: () => Promise<Input>): ((conversion: Conversion) => Promise<Input>) => {
    const made = new Map<string, () => Promise<Input>>();
    return (conversion) => {
      const { name } = conversion;
      const make = made.get(name) ?? once(name, async () => converted(await from(), conversion));
      made.set(name, make);
      return make();
    };
  };
  return {
    scattered: once('1 GiB', () => scattered(folder)),
    large: large8,
    huge: huge2040,
    largeAgain: once('8 GiB, changed', () => largeAgain(folder)),
    hugeAgain: once('2040 GiB, changed', () => hugeAgain(folder)),
    sparse: once('4 KiB extents', () => sparse(folder)),
    dense: once('512 MiB in one piece', () => dense(folder, 'dense.vhd', 512 * MIB)),
    little: once('40 MiB in one piece', () => dense(folder, 'little.vhd', 40 * MIB)),
    root,
    installed: middle,
    touched: once('small child', async () => touched(folder, await middle())),
    versions: once('versions of a root', () => rootVersions(folder)),
    rootAs: as(root),
    largeAs: as(large8),
    hugeAs: as(huge2040),
    manyClusters: once('1,000,000 clusters', () => Promise.resolve(manyClusters(folder))),
    metadataOnly: once('200,000 blocks', () => metadataOnly(folder)),
  };
}
