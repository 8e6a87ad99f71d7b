import type { CommandDefinition } from './flag.js';
import { ABORT, DOCTOR, IMAGES, LEAVES, SEAL, STATUS, UNSEAL } from './manage.js';
import { PULL } from './pull.js';
import { PUSH } from './push.js';
import { CHECK, INFO, MAP, VERIFY } from './read.js';

/** The topics of `vhdup help`. */
export const TOPICS = ['exit-codes', 'credentials', 'json', 'environment'] as const;

/** The shells that `vhdup completion` knows. */
export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;

/** `vhdup completion` */
export const COMPLETION = {
  name: 'completion',
  text: 'Print a script for completion in a shell',
  words: { shell: { text: SHELLS.join(', '), completes: SHELLS } },
  flags: {},
  examples: [
    ['completion bash > ~/.local/share/bash-completion/completions/vhdup', 'for bash'],
    ['completion zsh > "${fpath[1]}/_vhdup"', 'for zsh'],
    ['completion fish > ~/.config/fish/completions/vhdup.fish', 'for fish'],
    ['completion powershell | Out-String | Invoke-Expression', 'for PowerShell, in $PROFILE'],
  ],
} as const satisfies CommandDefinition;

/** `vhdup help` */
export const HELP = {
  name: 'help',
  text: 'Show help on a command or a topic',
  words: { topic: { text: `a command, or one of ${TOPICS.join(', ')}`, isOptional: true, completes: TOPICS } },
  flags: {},
  examples: [['help exit-codes', 'what each exit code means']],
} as const satisfies CommandDefinition;

const ALL = [
  PUSH,
  PULL,
  VERIFY,
  INFO,
  MAP,
  CHECK,
  STATUS,
  LEAVES,
  IMAGES,
  ABORT,
  SEAL,
  UNSEAL,
  DOCTOR,
  COMPLETION,
  HELP,
] as const;

/** The name of a command. */
export type CommandName = (typeof ALL)[number]['name'];

/** All commands, in the order of help. */
export const COMMANDS: readonly (CommandDefinition & { readonly name: CommandName })[] = ALL;

/** The names of all commands, in the order of help. */
export const COMMAND_NAMES: readonly CommandName[] = ALL.map(({ name }) => name);
