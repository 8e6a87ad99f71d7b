import type { Argv } from 'yargs';
import { VhdupError } from '../errors.js';
import { FORMAT_NAMES, type FormatName } from '../disk/registry.js';
import { rate } from './units.js';

/** A command: its name, its flags, and its work, which throws if it fails. */
export interface Command<Flags> {
  readonly command: string;
  readonly describe: string;
  readonly builder: (yargs: Argv) => Argv<Flags>;
  readonly handler: (flags: Flags) => Promise<void>;
}

/** Flags of every command that opens a disk and its parents. */
export interface DiskFlags {
  readonly parentDir: readonly string[];
  readonly followAbsoluteParents: boolean;
  readonly ignoreChecksum: boolean;
  readonly json: boolean;
}

/** Adds the flags to a command. */
export function diskFlags<T>(yargs: Argv<T>): Argv<T & DiskFlags> {
  return yargs
    .option('parent-dir', {
      type: 'string',
      array: true,
      default: [],
      requiresArg: true,
      describe: 'look for parents in this folder too, and accept those below it (repeatable)',
    })
    .option('follow-absolute-parents', {
      type: 'boolean',
      default: false,
      describe: 'follow the parent paths that images name wherever they lead: only for images that you trust',
    })
    .option('ignore-checksum', {
      type: 'boolean',
      default: false,
      describe: 'read images whose footer or header checksum is wrong',
    })
    .option('json', {
      type: 'boolean',
      default: false,
      describe: 'print one JSON object instead of text',
    }) as unknown as Argv<T & DiskFlags>;
}

/** Flags of every command that takes a disk of any format. */
export interface ImageFlags extends DiskFlags {
  readonly format: FormatName | undefined;
}

/** Adds the flags of a command that takes a disk of any format. */
export function imageFlags<T>(yargs: Argv<T>): Argv<T & ImageFlags> {
  return diskFlags(yargs).option('format', {
    choices: FORMAT_NAMES,
    requiresArg: true,
    describe: 'the format of the disk (default: what its content says)',
  });
}

/** Flags of every command that moves or compares content. */
export interface WorkFlags {
  readonly concurrency: number | undefined;
  readonly limit: string | readonly string[] | undefined;
  readonly quiet: boolean;
  readonly verbose?: boolean;
}

/** Adds the flags to a command. */
export function workFlags<T>(yargs: Argv<T>): Argv<T & WorkFlags> {
  return yargs
    .option('concurrency', {
      type: 'number',
      requiresArg: true,
      describe: 'requests at a time, up to 4 MiB each (default: as many as help, at most 32)',
    })
    .option('limit', {
      type: 'string',
      requiresArg: true,
      describe: 'bytes a second that are sent or fetched at most, such as 50MiB/s (default: no limit)',
    })
    .option('quiet', { type: 'boolean', default: false, describe: 'show no progress' });
}

/** Returns the library's options for concurrency and rate. Throws `usage` if a value is wrong. */
export function paceOptions(flags: WorkFlags): { concurrency: number | undefined; limit: number | undefined } {
  const { concurrency } = flags;
  if (concurrency !== undefined && (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 512))
    throw new VhdupError('usage', '--concurrency takes a whole number from 1 to 512');
  const text = single('limit', flags.limit);
  const limit = text === undefined ? undefined : rate(text);
  if (text !== undefined && limit === undefined)
    throw new VhdupError(
      'usage',
      `--limit takes an amount with a unit, such as 50MiB/s or 400kB/s, of at least 1 KiB/s; not "${text}"`,
    );
  return { concurrency, limit };
}

/** Returns the value of a flag that may be given once. Throws `usage` if it was given more than once. */
export function single(flag: string, value: string | readonly string[] | undefined): string | undefined {
  if (Array.isArray(value)) throw new VhdupError('usage', `--${flag} was given more than once`);
  return value as string | undefined;
}

/** Returns the library's options for opening a disk. */
export function openOptions({ parentDir, followAbsoluteParents, ignoreChecksum }: DiskFlags): {
  parentDirs: readonly string[];
  followAbsoluteParents: boolean;
  ignoreChecksum: boolean;
} {
  return { parentDirs: parentDir, followAbsoluteParents, ignoreChecksum };
}

/** Returns the library's options for opening a disk of any format. */
export function imageOptions(flags: ImageFlags): ReturnType<typeof openOptions> & { format: FormatName | undefined } {
  const { format } = flags;
  if (Array.isArray(format)) throw new VhdupError('usage', '--format was given more than once');
  return { ...openOptions(flags), format };
}
