import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PRECIOUS = 'precious'.repeat(1000);

/** Something that stands under a name of the tool's. */
export interface Obstacle {
  readonly name: string;
  /** What a file of the tool's cannot replace by a rename. */
  readonly isFolder: boolean;
  /** Puts it in the place of whatever is there. */
  place(path: string): Promise<void>;
}

/** Obstacles, and whether the files that some of them lead to are as they were. */
export interface Obstacles {
  readonly all: readonly Obstacle[];
  /** Returns true if no link's target was changed, made or removed. */
  isUntouched(): Promise<boolean>;
}

/** Everything that may stand in place of a regular file; links lead into `folder`, which has to be there. */
export async function obstaclesIn(folder: string): Promise<Obstacles> {
  const precious = join(folder, 'precious');
  const pipe = join(folder, 'pipe');
  const nowhere = join(folder, 'nowhere');
  await writeFile(precious, PRECIOUS);
  execFileSync('mkfifo', [pipe]);
  const kind = (name: string, make: (path: string) => Promise<unknown> | void, isFolder = false): Obstacle => ({
    name,
    isFolder,
    place: async (path) => {
      await rm(path, { recursive: true, force: true });
      await make(path);
    },
  });
  const all = [
    kind('a link to a file', (path) => symlink(precious, path)),
    kind('a link to nothing', (path) => symlink(nowhere, path)),
    kind('a link to a pipe', (path) => symlink(pipe, path)),
    kind('a link to a device without end', (path) => symlink('/dev/zero', path)),
    kind('a pipe', (path) => {
      execFileSync('mkfifo', [path]);
    }),
    kind('a file of 64 GiB', async (path) => {
      await using file = await open(path, 'w');
      await file.truncate(64 * 1024 ** 3);
    }),
    kind(
      'a folder',
      async (path) => {
        await mkdir(path);
        await writeFile(join(path, 'something'), '');
      },
      true,
    ),
  ];
  const probe = join(folder, 'device');
  const canMakeDevices = spawnSync('mknod', [probe, 'c', '1', '5']).status === 0;
  return {
    all: canMakeDevices
      ? [
          ...all,
          kind('a device without end', (path) => {
            execFileSync('mknod', [path, 'c', '1', '5']);
          }),
        ]
      : all,
    isUntouched: async () =>
      (await readFile(precious, 'utf8')) === PRECIOUS &&
      (await readFile(nowhere).then(
        () => false,
        () => true,
      )),
  };
}
