import { COMMAND_NAMES, HELP, TOPICS } from '../definition/commands.js';
import { shownName, type CommandDefinition, type Flag } from '../definition/flag.js';
import { GENERAL_FLAGS } from '../parse/split.js';

/** A flag, as completion offers it. */
export interface FlagCandidate {
  /** With its hyphens. */
  readonly name: string;
  readonly short: string | undefined;
  readonly flag: Flag;
}

/** Returns the flags of a command. */
export function flagCandidates(definition: CommandDefinition): FlagCandidate[] {
  const { help, 'help-all': helpAll } = GENERAL_FLAGS;
  return Object.entries<Flag>({ ...definition.flags, help, 'help-all': helpAll }).map(([name, flag]) => ({
    name: shownName(name, flag),
    short: flag.kind === 'switch' && flag.short !== undefined ? `-${flag.short}` : undefined,
    flag,
  }));
}

/** Returns the words that may follow a command: texts, or `files`; nothing for URIs. */
export function wordCandidates(definition: CommandDefinition): 'files' | readonly string[] {
  if (definition.name === HELP.name) return [...COMMAND_NAMES, ...TOPICS];
  const completes = Object.values(definition.words).flatMap((word) => word.completes ?? []);
  return completes.includes('files') ? 'files' : completes;
}

/** Returns a text in single quotes, for bash, zsh and fish. */
export function quoted(text: string, escapedQuote = "'\\''"): string {
  return `'${text.replaceAll("'", escapedQuote)}'`;
}
