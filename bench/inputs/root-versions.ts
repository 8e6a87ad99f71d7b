import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildExt4, changeExt4, type Ext4Ids } from './ext4.js';
import { GIB, type Input } from './input.js';
import { changeTree, stageRoot } from './root-tree.js';

const run = promisify(execFile);
const SIZE = 2 * GIB;
const FIXED: Ext4Ids = {
  uuid: '5a0f1a52-0c6e-4ac5-9d0c-6a3f3f0a1b01',
  hashSeed: '5a0f1a52-0c6e-4ac5-9d0c-6a3f3f0a1b02',
};
/** One for each version: as random ones, but the same in every run. */
const OTHERS: readonly Ext4Ids[] = [1, 2, 3, 4].map((version) => ({
  uuid: `8d3c1e9${version}-77aa-4b2e-8f10-2c5d9be4a7${version}1`,
  hashSeed: `e41b6f0${version}-93d8-47c6-a25b-71f08cd6e3${version}2`,
}));

/** How the versions of a root came about. */
export type Origin = 'changed in place' | 'rebuilt' | 'rebuilt with other ids';

/** The steps from each version to the next. */
export const STEPS = ['packages installed', 'packages reinstalled, some newer', '5 small files changed'] as const;

/** Four versions of a root, as raw images, in order. */
export type RootVersions = Readonly<Record<Origin, readonly Input[]>>;

/**
 * An ext4 root of 2 GiB with 1 GiB of files of this machine, in four versions: first with nothing but these, then after
 * each of `STEPS`. Each version is there three times: the image of the version before, changed in place; built from a
 * folder with the same ids; and with ids of its own.
 */
export async function rootVersions(folder: string): Promise<RootVersions> {
  const own = join(folder, 'versions');
  await mkdir(own);
  const tree = await stageRoot(own);
  const versions: Record<Origin, Input[]> = { 'changed in place': [], rebuilt: [], 'rebuilt with other ids': [] };
  for (const [index, ids] of OTHERS.entries()) {
    const change = tree.changes[index - 1];
    if (change) await changeTree(tree, change);
    const add = (origin: Origin) => {
      const input = inputOf(own, origin, index);
      versions[origin].push(input);
      return input.path;
    };
    const rebuilt = add('rebuilt');
    await buildExt4(tree.folder, rebuilt, SIZE, FIXED);
    await buildExt4(tree.folder, add('rebuilt with other ids'), SIZE, ids);
    const before = versions['changed in place'].at(-1)?.path ?? rebuilt;
    const inPlace = add('changed in place');
    await run('cp', ['--sparse=always', before, inPlace]);
    // Only the first change adds files; the others replace some.
    if (change) await changeExt4(inPlace, change, index > 1);
  }
  for (const name of ['tree', 'newer', 'edited']) await rm(join(own, name), { recursive: true });
  return versions;
}

function inputOf(folder: string, origin: Origin, index: number): Input {
  const path = join(folder, `${origin.replaceAll(' ', '-')}-v${index + 1}.img`);
  const step = STEPS[index - 1] ?? 'as it was';
  return { name: `2 GiB root, ${origin}: ${step}`, path, size: SIZE, flat: path, data: [[0, SIZE]] };
}
