import { performance } from 'node:perf_hooks';
import { formatShare, formatSize } from '../bytes/format-size.js';
import type { Phase, SessionEvent } from '../session/events.js';
import { RecentRate } from './recent-rate.js';
import { duration } from './units.js';

type ProgressEvent = SessionEvent & { type: 'progress' };

const TITLES: Readonly<Record<Phase, string>> = {
  'check-base': 'checking the base',
  'read-leaves': 'reading the blob',
  'compare-leaves': 'comparing leaves',
  'compare-destination': 'comparing the blob',
  copy: 'copying the base',
  clear: 'clearing',
  'compare-written': 'comparing sent data',
  compare: 'comparing',
  write: 'writing',
  digest: 'computing digests',
  verify: 'verifying',
  finish: 'finishing',
  fetch: 'downloading',
  'check-pulled': 'checking the file',
};

/** The phases during which digests may be computed. */
const WITH_DIGESTS: ReadonlySet<Phase | undefined> = new Set<Phase>(['copy', 'clear', 'compare-written', 'write']);

/** The phases that bring the content to its destination. */
const MOVING: ReadonlySet<Phase> = new Set<Phase>(['write', 'fetch']);

/** The characters of a progress bar. */
export interface BarStyle {
  readonly full: string;
  readonly empty: string;
}

/** One phase, or the digests that are computed beside others. */
class Work {
  readonly phase: Phase;
  done = 0;
  total = 0;
  /** The bytes that are shown as the rate: without zeros, if the event says so. */
  readonly #moved = new RecentRate();
  /** All that counts as done. */
  readonly #progress = new RecentRate();

  constructor(phase: Phase) {
    this.phase = phase;
  }

  update({ done, total, transferred }: ProgressEvent, at: number): void {
    this.done = done;
    this.total = total;
    this.#moved.add(transferred ?? done, at);
    this.#progress.add(done, at);
  }

  get isOver(): boolean {
    return this.total > 0 && this.done >= this.total;
  }

  get percent(): string {
    return `${Math.floor((this.done / this.total) * 100)} %`;
  }

  rate(now: number): number | undefined {
    return this.isOver ? undefined : this.#moved.perSecond(now);
  }

  /** Returns the seconds that are left; `undefined` if that cannot be said. */
  secondsLeft(now: number): number | undefined {
    const rate = this.#progress.perSecond(now);
    return this.isOver || !rate ? undefined : (this.total - this.done) / rate;
  }
}

/** One line that shows the progress of an operation, made from its events. */
export class ProgressLine {
  readonly #now: () => number;
  #work: Work | undefined;
  #digests: Work | undefined;
  #content: { readonly done: number; readonly total: number } | undefined;

  /** `now`: a clock, in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Updates the line. */
  update(event: ProgressEvent): void {
    const { phase, done, total } = event;
    if (MOVING.has(phase)) this.#content = { done, total };
    if (phase === 'digest') {
      this.#digests ??= new Work(phase);
      this.#digests.update(event, this.#now());
      if (WITH_DIGESTS.has(this.#work?.phase) && !this.#work?.isOver) return;
      this.#work = this.#digests;
      return;
    }
    if (this.#work?.phase !== phase) this.#work = new Work(phase);
    this.#work.update(event, this.#now());
  }

  /** How much of the content is at its destination, earlier runs included; `undefined` if nothing was moved yet. */
  get content(): { readonly done: number; readonly total: number } | undefined {
    return this.#content;
  }

  /** Returns the line in at most `width` columns, with a bar if `bar` is given. Empty before the first event. */
  text(width = Infinity, bar?: BarStyle): string {
    const work = this.#work;
    if (!work) return '';
    const title = TITLES[work.phase];
    const digests = this.#digestsBeside(work);
    const beside = digests && `digests ${digests.percent}`;
    if (work.total === 0) return firstThatFits(width, [[title, beside], [title]]);
    const now = this.#now();
    const rate = work.rate(now);
    const left = timeLeft(work.secondsLeft(now), digests?.secondsLeft(now));
    const percent = bar ? work.percent.padStart(5) : work.percent;
    const head = (length: number) =>
      [title, ...(bar ? [barOf(work.done / work.total, length, bar)] : []), percent].join(' ');
    const details = [
      formatShare(work.done, work.total),
      rate === undefined ? undefined : `${formatSize(rate)}/s`,
      left,
    ];
    const bare = `${title} ${work.percent}`;
    return firstThatFits(width, [
      ...(bar && width < 100
        ? []
        : [
            [head(24), ...details, beside],
            [head(24), ...details],
          ]),
      [head(14), ...details],
      [head(10), ...details],
      [bare, ...details],
      [bare, ...details.slice(1)],
      [bare, left],
      [bare],
      [work.percent],
    ]);
  }

  /** Returns the digests that are computed while this work runs. */
  #digestsBeside(work: Work): Work | undefined {
    const digests = this.#digests;
    return digests && digests !== work && WITH_DIGESTS.has(work.phase) && !digests.isOver && digests.total > 0
      ? digests
      : undefined;
  }
}

/** Returns the first line that fits, else the last one. */
function firstThatFits(width: number, lines: readonly (readonly (string | undefined)[])[]): string {
  const texts = lines.map((parts) => parts.filter((part) => part !== undefined).join(' · '));
  return texts.find((text) => text.length <= width) ?? texts.at(-1) ?? '';
}

function barOf(share: number, length: number, { full, empty }: BarStyle): string {
  const filled = Math.min(length, Math.floor(share * length));
  return full.repeat(filled) + empty.repeat(length - filled);
}

/** Returns the longer of two times that pass side by side. */
function timeLeft(...seconds: readonly (number | undefined)[]): string | undefined {
  const known = seconds.filter((value) => value !== undefined);
  if (known.length === 0) return undefined;
  return `${duration(Math.ceil(Math.max(...known)))} left`;
}
