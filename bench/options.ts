import { parseArgs } from 'node:util';

/** What to run, and how. */
export interface Options {
  /** Names of groups; `undefined`: all. */
  readonly only: readonly string[] | undefined;
  readonly rounds: number;
  /** Leave the temporary folder where it is. */
  readonly keep: boolean;
}

/** Reads `--only start-up,planning`, `--rounds N` and `--keep`. Throws where a group is not one of `groups`. */
export function readOptions(args: readonly string[], groups: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '2' },
      keep: { type: 'boolean', default: false },
    },
  });
  const only = values.only?.split(',');
  const unknown = only?.find((name) => !groups.includes(name));
  if (unknown !== undefined) throw new Error(`no group "${unknown}"; there are ${groups.join(', ')}`);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1');
  return { only, rounds, keep: values.keep };
}
