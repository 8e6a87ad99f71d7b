import { performance } from 'node:perf_hooks';
import { redact } from '../redact/redact.js';
import type { Warning } from '../errors.js';
import type { Phase, SessionEvent } from '../session/events.js';
import { printMessage, printableLine, warningText } from './output.js';
import { duration, size } from './units.js';

const TITLES: Readonly<Record<Phase, string>> = {
  'check-base': 'checking the base',
  'compare-destination': 'comparing the destination',
  copy: 'copying the base',
  clear: 'clearing',
  'compare-written': 'comparing what was sent',
  compare: 'comparing',
  write: 'writing',
  digest: 'computing digests',
  verify: 'verifying',
  finish: 'finishing',
  fetch: 'downloading',
  'check-pulled': 'checking what was downloaded',
};

/** The phases during which digests may be computed. */
const WITH_DIGESTS: ReadonlySet<Phase | undefined> = new Set<Phase>(['copy', 'clear', 'compare-written', 'write']);

/** One line that shows the progress of an operation, made from its events. */
export class ProgressLine {
  #phase: Phase | undefined;
  #isOver = false;
  #began = 0;
  /** Bytes that were done before the phase was shown. */
  #before = 0;
  #line = '';
  #digest = '';

  /** Updates the line. */
  update(event: SessionEvent & { type: 'progress' }): void {
    const { phase, done, total, skipped = 0 } = event;
    const percent = total > 0 ? ` ${Math.floor((done / total) * 100)} %` : '';
    if (phase === 'digest') {
      this.#digest = done < total ? ` · digests${percent}` : '';
      if (WITH_DIGESTS.has(this.#phase) && !this.#isOver) return;
    }
    if (phase !== this.#phase) {
      this.#phase = phase;
      this.#began = performance.now();
      this.#before = phase === 'digest' ? done : 0;
    }
    this.#isOver = total > 0 && done >= total;
    const seconds = (performance.now() - this.#began) / 1000;
    const rate = seconds > 0.5 ? (done - this.#before) / seconds : 0;
    this.#line = [
      `${TITLES[phase]}${percent}`,
      ...(total > 0 ? [`${size(done)} of ${size(total)}`] : []),
      ...(skipped > 0 ? [`${size(skipped)} zeros skipped`] : []),
      ...(rate > 0 && done < total ? [`${size(rate)}/s`, `${duration((total - done) / rate)} left`] : []),
    ].join(' · ');
  }

  /** The line; empty before the first event. */
  get text(): string {
    return this.#line + (WITH_DIGESTS.has(this.#phase) ? this.#digest : '');
  }
}

/** Shows the progress of an operation on stderr. */
export interface ProgressView {
  readonly onEvent: (event: SessionEvent) => void;
  /** Runs the operation, and shows its events while it runs. */
  run<T>(title: string, work: () => Promise<T>): Promise<T>;
}

/** How much a command prints besides its result. */
export interface OutputMode {
  /** Only warnings. */
  readonly quiet?: boolean;
  /** Requests too. */
  readonly verbose?: boolean;
}

/** Returns a live view for a terminal, a line now and then without one or with `CI`, and only warnings if `quiet`. */
export function progressView({ quiet }: OutputMode): ProgressView {
  if (quiet) return { onEvent: messagesOnly, run: (_, work) => work() };
  return process.stderr.isTTY && !process.env['CI'] ? liveView() : plainView();
}

function messagesOnly(event: SessionEvent): void {
  if (event.type === 'warning') printMessage(warningText(event));
}

const PLAIN_INTERVAL_MS = 30_000;

/** Prints a line now and then, for logs. */
function plainView(): ProgressView {
  const line = new ProgressLine();
  return {
    onEvent: (event) => {
      if (event.type === 'progress') line.update(event);
      else if (event.type !== 'request') printMessage(event.type === 'warning' ? warningText(event) : event.message);
    },
    run: async (title, work) => {
      printMessage(title);
      const timer = setInterval(() => {
        printMessage(line.text === '' ? 'waiting for the service' : line.text);
      }, PLAIN_INTERVAL_MS);
      try {
        return await work();
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** Shows a spinner and a moving line. Warnings are printed when the operation has ended. */
function liveView(): ProgressView {
  const line = new ProgressLine();
  const warnings: Warning[] = [];
  let note = '';
  let show: (text: string) => void = () => undefined;
  return {
    onEvent: (event) => {
      if (event.type === 'progress') line.update(event);
      else if (event.type === 'warning') warnings.push(event);
      else if (event.type === 'note') note = event.message;
      show(
        [note, line.text]
          .filter((text) => text !== '')
          .map((text) => printableLine(redact(text)))
          .join('\n'),
      );
    },
    run: async (title, work) => {
      const { DefaultRenderer, Listr, ListrLogger, ProcessOutput } = await import('listr2');
      class StderrRenderer extends DefaultRenderer {
        static override readonly nonTTY = true as unknown as false;
      }
      const outcome: { result?: Awaited<ReturnType<typeof work>> } = {};
      const tasks = new Listr(
        [
          {
            title: printableLine(title),
            task: async (_, task) => {
              show = (text) => {
                task.output = text;
              };
              outcome.result = await work();
            },
          },
        ],
        {
          renderer: StderrRenderer,
          rendererOptions: {
            logger: new ListrLogger({
              useIcons: true,
              toStderr: [],
              processOutput: new ProcessOutput(process.stderr, process.stderr),
            }),
            showErrorMessage: false,
            collapseErrors: false,
          },
          registerSignalListeners: false,
        },
      );
      try {
        await tasks.run();
        return outcome.result as Awaited<ReturnType<typeof work>>;
      } finally {
        for (const warning of warnings) printMessage(warningText(warning));
      }
    },
  };
}
