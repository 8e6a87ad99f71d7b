import type { ArgumentsOf, CommandDefinition } from './definition/flag.js';

/** A command: its definition, and its work, which throws if it fails. */
export interface Command<Definition extends CommandDefinition> {
  readonly definition: Definition;
  readonly handler: (flags: ArgumentsOf<Definition>) => Promise<void>;
}
