import { COMMANDS, COMMAND_NAMES } from '../definition/commands.js';
import { flagCandidates, quoted, wordCandidates } from './candidates.js';

/** Returns the script for bash. What it does not complete, readline completes: names of files. */
export function bashScript(): string {
  return `# Completion of vhdup in bash. Made by: vhdup completion bash
_vhdup() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" command='' word
  COMPREPLY=()
  # Bash makes three words of --flag=value.
  if [[ $cur == '=' ]]; then
    cur='' prev+='='
  elif [[ $prev == '=' ]]; then
    prev="\${COMP_WORDS[COMP_CWORD-2]}="
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      ${COMMAND_NAMES.join('|')}) command=$word; break ;;
    esac
  done
  case "$command $prev" in
${valueCases().join('\n')}
  esac
  case "$command:$cur" in
    :-*) COMPREPLY=($(compgen -W '--help --version' -- "$cur")) ;;
    :*) COMPREPLY=($(compgen -W ${quoted(COMMAND_NAMES.join(' '))} -- "$cur")) ;;
${COMMANDS.flatMap((definition) => {
  const flags = flagCandidates(definition).map(({ name }) => name);
  const words = wordCandidates(definition);
  return [
    `    ${definition.name}:-*) COMPREPLY=($(compgen -W ${quoted(flags.join(' '))} -- "$cur")) ;;`,
    ...(words === 'files' || words.length === 0
      ? []
      : [`    ${definition.name}:*) COMPREPLY=($(compgen -W ${quoted(words.join(' '))} -- "$cur")) ;;`]),
  ];
}).join('\n')}
  esac
}
complete -o default -F _vhdup vhdup
`;
}

/** A flag that may stand alone has its value behind an equals sign only. */
function valueCases(): string[] {
  return COMMANDS.flatMap((definition) =>
    flagCandidates(definition).flatMap(({ name, flag }) => {
      if (flag.kind !== 'choice') return [];
      const before = `${definition.name} ${name}`;
      const patterns = [...(flag.alone === undefined ? [quoted(before)] : []), quoted(`${before}=`)];
      return [
        `    ${patterns.join('|')}) COMPREPLY=($(compgen -W ${quoted(flag.choices.join(' '))} -- "$cur")); return ;;`,
      ];
    }),
  );
}
