import t from 'tap';
import { COMMANDS, TOPICS } from '../../../src/cli/definition/commands.js';
import { PUSH } from '../../../src/cli/definition/push.js';
import { commandHelp, mainHelp } from '../../../src/cli/help/command-help.js';
import { topicHelp } from '../../../src/cli/help/topics.js';
import { helpWidth } from '../../../src/cli/help/wrap.js';

/** The words of a text, each of which has to be somewhere on a line as a whole. */
const wordsOf = (lines: readonly string[]) => lines.flatMap((line) => line.split(/\s+/).filter((word) => word !== ''));

t.test('help fits terminals of 40, 80 and 120 columns and a pipe, and breaks no word', (t) => {
  for (const terminal of [40, 80, 120, undefined]) {
    const width = helpWidth(terminal);
    for (const make of [
      mainHelp,
      ...TOPICS.map((topic) => (columns: number) => topicHelp(topic, columns)),
      ...COMMANDS.flatMap((command) =>
        [false, true].map((isFull) => (columns: number) => commandHelp(command, columns, isFull)),
      ),
    ]) {
      const lines = make(width);
      t.strictSame(wordsOf(lines), wordsOf(make(10_000)), 'the words are those of one endless line');
      for (const line of lines)
        if (line.length > width) t.match(line, /^ {2}vhdup |^ *\S+$|^ {2}--?\w/, 'only a word or a command is longer');
      if (width >= 80)
        t.strictSame(
          lines.filter((line) => line.length > width),
          [],
        );
    }
  }
  t.end();
});

t.test('the list of commands has one line for each in a terminal of 80 columns', (t) => {
  const lines = mainHelp(80);
  for (const { name, text } of COMMANDS)
    t.ok(
      lines.some((line) => line.includes(name) && line.endsWith(text)),
      name,
    );
  t.end();
});

t.test('the main flags of push are one screen of 40 lines, in groups, the destination first', (t) => {
  const lines = commandHelp(PUSH, 80, false);
  t.ok(lines.length <= 40, `${lines.length} lines`);
  const groups = lines.filter((line) => /^[A-Z][a-z]+$/.test(line));
  t.strictSame(groups, ['Destination', 'Base', 'Verify', 'Pace', 'Credentials', 'Seal', 'Disk', 'Output', 'Examples']);
  t.end();
});

t.test('--help-all has every flag of every command; the short help says that there are more', (t) => {
  for (const command of COMMANDS) {
    const full = commandHelp(command, 80, true).join('\n');
    for (const [name, flag] of Object.entries(command.flags)) {
      t.match(full, new RegExp(`--(no-)?${name}\\b`), `${command.name} --${name}`);
      if (flag.isRare) t.match(commandHelp(command, 80, false).at(-1), /--help-all/);
    }
  }
  t.end();
});
