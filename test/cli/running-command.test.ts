import t from 'tap';
import { beginCommand, keepWarnings, runningCommand } from '../../src/cli/running-command.js';
import type { SessionEvent } from '../../src/session/events.js';

t.test('the warnings of the command that runs are kept, and events still reach their listener', (t) => {
  const seen: SessionEvent[] = [];
  beginCommand('push');
  const listener = keepWarnings((event) => seen.push(event));
  listener({ type: 'note', message: 'n' });
  listener({ type: 'warning', code: 'c', message: 'm', hint: 'h' });
  listener({ type: 'warning', code: 'd', message: 'm' });
  t.equal(seen.length, 3);
  t.strictSame(runningCommand(), {
    command: 'push',
    warnings: [
      { code: 'c', message: 'm', hint: 'h' },
      { code: 'd', message: 'm' },
    ],
  });
  beginCommand(undefined);
  t.strictSame(runningCommand(), { warnings: [] });
  t.end();
});
