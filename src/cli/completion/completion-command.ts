import { VhdupError } from '../../errors.js';
import type { Command } from '../command.js';
import { COMPLETION, SHELLS } from '../definition/commands.js';
import { didYouMean } from '../parse/suggest.js';
import { writeOut } from '../write-out.js';
import { bashScript } from './bash.js';
import { fishScript } from './fish.js';
import { powershellScript } from './powershell.js';
import { zshScript } from './zsh.js';

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], () => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
  powershell: powershellScript,
};

/** `vhdup completion`: prints the script of a shell. */
export const completionCommand: Command<typeof COMPLETION> = {
  definition: COMPLETION,
  handler: ({ shell: name }) => {
    const shell = SHELLS.find((other) => other === name);
    if (shell === undefined)
      throw new VhdupError('usage', `there is no completion for "${name}"${didYouMean(name, SHELLS)}`, {
        hint: `the shells are ${SHELLS.join(', ')}`,
      });
    writeOut(SCRIPTS[shell]());
    return Promise.resolve();
  },
};
