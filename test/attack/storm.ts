import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { flatten, writeImage } from '../../fixtures/vhd.js';
import { openDisk, push } from '../../src/index.js';
import type { Azurite } from '../support/azurite.js';
import { bytesOf, containerOf } from '../support/blobs.js';
import { startCli, type CliProcess, type CliRun } from '../support/cli.js';
import { startGate, type Gate } from '../support/gate.js';
import { contentOfFile } from '../support/pull-scene.js';
import type { Random } from '../support/mutations.js';

/** Small pieces of data, far apart: a pull makes a request for each. */
const PIECES = 12;
const SPACING = 512 * 1024;

export type Format = 'dynamic' | 'fixed' | 'raw';

/** A blob that is pulled, behind a gate. */
export interface PullScene {
  readonly gate: Gate;
  readonly folder: string;
  readonly uri: string;
  readonly blob: Buffer;
  readonly content: Buffer;
  stop(): Promise<void>;
}

/** What keeps an exit code of 0 from being true, and ends that should not be. */
export interface StormVerdict {
  readonly falseSuccesses: readonly string[];
  readonly troubles: readonly string[];
  readonly log: readonly string[];
}

export async function startPullScene(azurite: Azurite, folder: string): Promise<PullScene> {
  await mkdir(folder, { recursive: true });
  const size = PIECES * SPACING;
  const writes = Array.from({ length: PIECES }, (_, index) => ({
    offset: index * SPACING + 64 * 1024,
    data: randomBytes(32 * 1024),
  }));
  const { path } = await writeImage({ path: join(folder, 'disk.vhd'), type: 'dynamic', size, writes });
  const gate = await startGate(azurite);
  const container = await containerOf(azurite, 'pulls');
  const name = `${createHash('md5').update(folder).digest('hex')}.vhd`;
  await using disk = await openDisk(path);
  await push(disk, {
    to: `${gate.url}/pulls/${name}`,
    environment: gate.env,
    stateFolder: join(folder, 'state'),
    cacheFolder: false,
  });
  return {
    gate,
    folder,
    uri: `${gate.url}/pulls/${name}`,
    blob: await bytesOf(container, name),
    content: flatten([{ size, writes }]),
    stop: () => gate.stop(),
  };
}

/** A file that some process gave its name, as it was when that process ended with exit code 0. */
interface Published {
  readonly who: string;
  readonly file: FileHandle;
  readonly hash: string;
  readonly inode: bigint;
  readonly modified: bigint;
}

/** How long after the last process has ended the same command may take to get there. */
const FREE_AGAIN_MS = 20_000;
const MAX_LOGGED = 300;
/** Ends of a pull that is not alone: done, something is in the way, to be tried again. */
const EXPECTED_CODES: readonly (number | null)[] = [0, 5, 7];

export interface StartOptions {
  /** A command that runs it. */
  readonly within?: readonly string[];
  /** Default: as the storm has it. */
  readonly overwrite?: boolean;
  /** The exit codes that it may end with. */
  readonly codes?: readonly (number | null)[];
}

/** Pulls of one blob to one output, and what they claim. */
export class Storm {
  readonly falseSuccesses: string[] = [];
  readonly troubles: string[] = [];
  readonly log: string[] = [];
  readonly output: string;
  readonly #scene: PullScene;
  readonly #format: Format;
  readonly #overwrite: boolean;
  readonly #concurrency: number;
  readonly #own: string;
  readonly #published: Published[] = [];

  private constructor(scene: PullScene, own: string, random: Random) {
    this.#scene = scene;
    this.#own = own;
    this.output = join(own, 'out.vhd');
    this.#format = random.pick(['dynamic', 'dynamic', 'fixed', 'raw'] as const);
    this.#overwrite = random.chance(2);
    this.#concurrency = random.pick([1, 2]);
    this.log.push(`format ${this.#format}, overwrite ${this.#overwrite}, concurrency ${this.#concurrency}`);
  }

  /** With `--overwrite`, there is a file to replace in half of all storms. */
  static async begin(scene: PullScene, random: Random): Promise<Storm> {
    const storm = new Storm(scene, await mkdtemp(join(scene.folder, 'storm-')), random);
    if (storm.#overwrite && random.chance(2)) await writeFile(storm.output, randomBytes(8192));
    return storm;
  }

  /** Starts one more pull; what it says is checked at the moment when it ends. */
  start(
    who: string,
    { within = [], overwrite = this.#overwrite, codes = EXPECTED_CODES }: StartOptions = {},
  ): CliProcess {
    const args = [
      'pull',
      this.#scene.uri,
      this.output,
      '--format',
      this.#format,
      ...(overwrite ? ['--overwrite'] : []),
      '--concurrency',
      String(this.#concurrency),
      '--json',
    ];
    const { child, ended } = startCli(
      args,
      { ...this.#scene.gate.env, VHDUP_STATE_DIR: join(this.#own, 'state') },
      within,
    );
    return { child, ended: ended.then((run) => this.#ended(who, run, codes)) };
  }

  /** Runs the same command, again while it is refused, until it succeeds or `forMs` are over. Returns whether it did. */
  async untilDone(who: string, forMs: number, options: StartOptions = {}): Promise<boolean> {
    const begun = performance.now();
    do {
      const { exitCode, stdout } = await this.start(who, options).ended;
      // One that was killed too late has rightly left its file.
      if (exitCode === 0 || (!this.#overwrite && stdout.includes('"destination-exists"'))) return true;
      await sleep(200);
    } while (performance.now() - begun < forMs);
    return false;
  }

  /** When all have ended: what was published stands, and nothing is in the way of the same command for long. */
  async finish(): Promise<StormVerdict> {
    const { ino } = await stat(this.output, { bigint: true }).catch(() => ({ ino: undefined }));
    for (const { who, inode } of this.#published)
      if (!this.#overwrite && ino !== inode)
        this.falseSuccesses.push(`${who}: its file does not have the name any more`);
    await this.#checkStands('in the end');
    // Without --overwrite a file that is there is rightly in the way.
    const overwrite = this.#overwrite || this.#published.length > 0;
    if (!(await this.untilDone('afterwards', FREE_AGAIN_MS, { overwrite })))
      this.troubles.push(`${FREE_AGAIN_MS / 1000} s after all had ended the same command still fails`);
    await this.#checkStands('after one more command');
    for (const { file } of this.#published) await file.close();
    await rm(this.#own, { recursive: true, force: true });
    return this;
  }

  async #ended(who: string, run: CliRun, codes: StartOptions['codes'] = EXPECTED_CODES): Promise<CliRun> {
    const { exitCode, signal, stdout } = run;
    this.#note(
      `${who}: ${signal ?? exitCode} ${(/"(outcome|message)": *"(\\.|[^"\\])*"/.exec(stdout)?.[0] ?? '').slice(0, MAX_LOGGED)}`,
    );
    if (exitCode === 0) {
      await this.#checkPublished(who);
    } else if (signal === null && !codes.includes(exitCode)) {
      this.troubles.push(`${who} ends with exit code ${exitCode}: ${`${stdout}${run.stderr}`.slice(0, MAX_LOGGED)}`);
    }
    return run;
  }

  /** The same line again is counted. */
  #note(line: string): void {
    const [last = '', times = '1'] = (this.log.at(-1) ?? '').split(' × ');
    if (last === line) this.log[this.log.length - 1] = `${line} × ${Number(times) + 1}`;
    else this.log.push(line);
  }

  async #checkPublished(who: string): Promise<void> {
    const file = await open(this.output, 'r').catch(() => undefined);
    if (!file) return void this.falseSuccesses.push(`${who}: there is no file under the name`);
    const { ino, mtimeNs } = await file.stat({ bigint: true });
    this.#published.push({ who, file, hash: await hashOf(file), inode: ino, modified: mtimeNs });
    if (!(await this.#isRight()))
      this.falseSuccesses.push(`${who}: the file under the name is not the blob when it ends`);
  }

  async #checkStands(when: string): Promise<void> {
    for (const { who, file, hash, modified } of this.#published) {
      if ((await hashOf(file)) !== hash) this.falseSuccesses.push(`${who}: ${when} the bytes of its file are others`);
      else if ((await file.stat({ bigint: true })).mtimeNs !== modified)
        this.falseSuccesses.push(`${who}: ${when} its file was written to`);
    }
    if (this.#published.length > 0 && !(await this.#isRight()))
      this.falseSuccesses.push(`${when} the file under the name is not the blob`);
  }

  async #isRight(): Promise<boolean> {
    const { blob, content } = this.#scene;
    try {
      if (this.#format === 'dynamic') return (await contentOfFile(this.output)).equals(content);
      return (await readFile(this.output)).equals(this.#format === 'fixed' ? blob : content);
    } catch {
      return false;
    }
  }
}

async function hashOf(file: FileHandle): Promise<string> {
  const { size } = await file.stat();
  const bytes = Buffer.alloc(size);
  await file.read(bytes, 0, size, 0);
  return createHash('md5').update(bytes).digest('hex');
}
