import { COMMANDS, COMMAND_NAMES } from '../definition/commands.js';
import { flagCandidates, quoted, wordCandidates } from './candidates.js';

/** Returns the script for PowerShell. What it does not complete, PowerShell completes: names of files. */
export function powershellScript(): string {
  const entries = COMMANDS.map((definition) => {
    const words = wordCandidates(definition);
    const flags = flagCandidates(definition).flatMap(({ name, flag }) =>
      flag.kind === 'choice' ? [name, ...flag.choices.map((choice) => `${name}=${choice}`)] : [name],
    );
    return `    ${quoted(definition.name)} = @(${[...(words === 'files' ? [] : words), ...flags].map((text) => quoted(text)).join(', ')})`;
  });
  const names = COMMAND_NAMES.map((name) => quoted(name));
  return `# Completion of vhdup in PowerShell. Made by: vhdup completion powershell
Register-ArgumentCompleter -Native -CommandName vhdup -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $commands = @(${names.join(', ')})
  $candidates = @{
${entries.join('\n')}
  }
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  $command = $words | Where-Object { $_ -in $commands -and $_ -ne $wordToComplete } | Select-Object -First 1
  $offered = if ($command) { $candidates[$command] } else { $commands + @('--help', '--version') }
  $offered | Where-Object { $_.StartsWith($wordToComplete) } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
