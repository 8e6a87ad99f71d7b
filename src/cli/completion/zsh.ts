import { COMMANDS } from '../definition/commands.js';
import type { CommandDefinition } from '../definition/flag.js';
import { flagCandidates, quoted, wordCandidates, type FlagCandidate } from './candidates.js';

/** Returns the script for zsh. */
export function zshScript(): string {
  return `#compdef vhdup
# Completion of vhdup in zsh. Made by: vhdup completion zsh
_vhdup() {
  local curcontext="$curcontext" state line
  local -a commands=(
${COMMANDS.map(({ name, text }) => `    ${quoted(`${name}:${text}`)}`).join('\n')}
  )
  _arguments -C '1:command:->command' '*::argument:->argument' && return
  case $state in
    command) _describe command commands ;;
    argument)
      case $line[1] in
${COMMANDS.map((definition) => `        ${definition.name}) _arguments ${specifications(definition).join(' ')} ;;`).join('\n')}
      esac
      ;;
  esac
}
if [[ $funcstack[1] == _vhdup ]]; then
  _vhdup "$@"
else
  compdef _vhdup vhdup
fi
`;
}

function specifications(definition: CommandDefinition): string[] {
  const words = wordCandidates(definition);
  const action = words === 'files' ? '_files' : words.length === 0 ? '' : `(${words.join(' ')})`;
  return [...flagCandidates(definition).flatMap(specificationOf), quoted(`*:argument:${action}`)];
}

function specificationOf({ name, short, flag }: FlagCandidate): string[] {
  const text = `[${flag.text.replace(/[[\]:\\]/g, '\\$&')}]`;
  if (flag.kind === 'switch')
    return short === undefined
      ? [quoted(name + text)]
      : [quoted(`(${name})${short}${text}`), quoted(`(${short})${name}${text}`)];
  if (flag.kind !== 'choice') return [quoted(`${flag.kind === 'list' ? '*' : ''}${name}=${text}:value:_files`)];
  const values = `(${flag.choices.join(' ')})`;
  return [quoted(flag.alone === undefined ? `${name}=${text}:value:${values}` : `${name}=-${text}::value:${values}`)];
}
