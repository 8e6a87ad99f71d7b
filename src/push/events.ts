/** The parts of a push that take time, in their order. */
export type Phase = 'check-base' | 'compare-destination' | 'copy' | 'clear' | 'compare-written' | 'write' | 'digest' | 'finish';

/** What a push tells while it runs. Amounts are bytes; a total of 0 is not known. */
export type PushEvent =
  | { readonly type: 'progress'; readonly phase: Phase; readonly done: number; readonly total: number; /** Of `done`: not sent, being zero. */ readonly skipped?: number }
  | { readonly type: 'note' | 'warning'; readonly message: string };

export type Listener = (event: PushEvent) => void;
