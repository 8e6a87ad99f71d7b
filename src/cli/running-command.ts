import type { Warning } from '../errors.js';
import type { Listener } from '../session/events.js';

let running: { readonly command?: string; readonly warnings: Warning[] } = { warnings: [] };

/** Records which command runs. Its result and its error carry the name. */
export function beginCommand(command: string | undefined): void {
  running = { ...(command === undefined ? {} : { command }), warnings: [] };
}

/** Returns a listener that also keeps warnings, so that an error can list those from before it. */
export function keepWarnings(listener: Listener): Listener {
  return (event) => {
    if (event.type === 'warning') {
      const { code, message, hint } = event;
      running.warnings.push({ code, message, ...(hint === undefined ? {} : { hint }) });
    }
    listener(event);
  };
}

/** Returns the name of the command that runs, if it is known, and the warnings that were kept since it began. */
export function runningCommand(): { readonly command?: string; readonly warnings: readonly Warning[] } {
  return running;
}
