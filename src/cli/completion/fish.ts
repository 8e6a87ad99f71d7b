import { COMMANDS } from '../definition/commands.js';
import { flagCandidates, quoted, wordCandidates, type FlagCandidate } from './candidates.js';

/** Returns the script for fish. */
export function fishScript(): string {
  const lines = COMMANDS.flatMap((definition) => {
    const { name, text } = definition;
    const isUsed = `-n '__fish_seen_subcommand_from ${name}'`;
    const words = wordCandidates(definition);
    return [
      `complete -c vhdup -f -n __fish_use_subcommand -a ${name} -d ${inFish(text)}`,
      ...(words === 'files'
        ? []
        : [`complete -c vhdup -f ${isUsed}${words.length === 0 ? '' : ` -a ${inFish(words.join(' '))}`}`]),
      ...flagCandidates(definition).map((candidate) => `complete -c vhdup ${isUsed} ${flagArguments(candidate)}`),
    ];
  });
  return `# Completion of vhdup in fish. Made by: vhdup completion fish\n${lines.join('\n')}\n`;
}

function flagArguments({ name, short, flag }: FlagCandidate): string {
  const names = `-l ${name.slice(2)}${short === undefined ? '' : ` -s ${short.slice(1)}`}`;
  const value =
    flag.kind === 'switch'
      ? ''
      : flag.kind === 'choice'
        ? `${flag.alone === undefined ? ' -x' : ''} -a ${inFish(flag.choices.join(' '))}`
        : ' -r';
  return `${names}${value} -d ${inFish(flag.text)}`;
}

function inFish(text: string): string {
  return quoted(text, "\\'");
}
