import { EXIT } from './exit-code.js';
import { printMessage } from './output.js';

/**
 * Handles failures to write to stdout and stderr, which Node would end the process with. All results are printed when their work is
 * done, except for long lists, so a failure of stdout may end the process. A failure of stderr ends the messages, never the work.
 */
export function handleOutputErrors(): void {
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that closes the pipe early (`| head`) is not a failure.
    if (error.code === 'EPIPE') process.exit(process.exitCode);
    printMessage(`vhdup: cannot write to stdout: ${error.message}`);
    if (process.exitCode) process.exit(process.exitCode);
    printMessage('  the command has done its work; only its output is missing');
    process.exit(EXIT.unexpected);
  });
}
