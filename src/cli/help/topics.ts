import { COMMANDS, type TOPICS } from '../definition/commands.js';
import { variableOf } from '../definition/flag.js';
import { EXIT_MEANINGS } from '../exit-code.js';
import { columns, wrap } from './wrap.js';

type Row = readonly [name: string, text: string];

/** Where credentials come from, in the order in which they are looked for. */
export const CREDENTIAL_SOURCES: readonly Row[] = [
  ['SAS in the URI', 'one in DEST also serves --base in the same container, and the reverse'],
  ['--sas-file FILE', "a SAS for the blob's account; replaces all variables below"],
  ['AZURE_STORAGE_CONNECTION_STRING', 'with an account key or a SAS'],
  ['AZURE_STORAGE_ACCOUNT', 'with AZURE_STORAGE_KEY'],
  ['AZURE_STORAGE_SAS_TOKEN', 'with AZURE_STORAGE_ACCOUNT it is for that account'],
  ['Azure sign-in', 'az login, a managed identity, …; only over https to hosts of the service'],
];

/** Variables that are not flags. */
export const OTHER_VARIABLES: readonly Row[] = [
  ['VHDUP_STATE_DIR', "folder for this machine's records of leases, seals and pulls"],
  ['VHDUP_CACHE_DIR', 'folder for digests of unchanged files; it may be deleted at any time'],
  ['NO_COLOR', 'no colours'],
  ['CI', 'no animation'],
  ['HTTPS_PROXY, NO_PROXY', 'the proxy for requests'],
];

/** Returns the variables that set flags, each with what it does and the commands that it concerns. */
export function flagVariables(): Row[] {
  const rows = new Map<string, { text: string; commands: string[] }>();
  for (const { name: command, flags } of COMMANDS) {
    for (const [name, flag] of Object.entries(flags)) {
      const variable = variableOf(name, flag);
      if (variable === undefined) continue;
      const row = rows.get(variable) ?? { text: flag.text, commands: [] };
      row.commands.push(command);
      rows.set(variable, row);
    }
  }
  return [...rows]
    .map(([variable, { text, commands }]): Row => [variable, `${text} (${commands.join(', ')})`])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What holds for all variables that set flags. */
export const VARIABLE_RULES =
  'A flag wins over its variable. An empty variable counts as not set. Switches take 1, 0, true, false, yes or no. VHDUP_PARENT_DIR takes several folders, separated as in PATH. There are no variables for flags that name a file or a blob, that change what is uploaded, or that make a command do or check less.';

const TOPIC_LINES: Readonly<Record<(typeof TOPICS)[number], (width: number) => string[]>> = {
  'exit-codes': (width) => [
    'Exit codes',
    ...columns(
      Object.entries(EXIT_MEANINGS).map(([code, text]) => [code.padStart(3), text]),
      width,
    ),
    '',
    ...wrap('They are never renumbered. A code that is not in this list is a failure.', width),
  ],
  credentials: (width) => [
    'Credentials',
    ...columns(CREDENTIAL_SOURCES, width),
    '',
    ...wrap(
      'The first one that is found is used. One that is for another account is skipped. A SAS or a key goes over plain http to this machine only; --allow-http allows other hosts.',
      width,
    ),
  ],
  json: (width) => [
    ...wrap(
      '--json prints one object on one line to stdout, and nothing else. "vhdup" is the version of the schema, "command" the name of the command. Amounts are bytes. What does not apply or is not known is left out. Ignore keys that you do not know.',
      width,
    ),
    '',
    ...wrap(
      'A failure prints an object too, with "error" (code, message, hint, retryable) and "exitCode". Progress and warnings go to stderr. docs/JSON.md has a table for each command.',
      width,
    ),
  ],
  environment: (width) => [
    'Variables that set flags',
    ...columns(flagVariables(), width),
    '',
    ...wrap(VARIABLE_RULES, width),
    '',
    'Other variables',
    ...columns(OTHER_VARIABLES, width),
    '',
    ...wrap('Credentials: vhdup help credentials', width),
  ],
};

/** Returns the help on a topic. */
export function topicHelp(topic: (typeof TOPICS)[number], width: number): string[] {
  return TOPIC_LINES[topic](width);
}
