/** The parts of the work that take time. */
export type Phase =
  | 'check-base'
  | 'compare-destination'
  | 'copy'
  | 'clear'
  | 'compare-written'
  | 'compare'
  | 'write'
  | 'digest'
  | 'verify'
  | 'finish'
  | 'fetch'
  | 'check-pulled';

/** What a push (or another piece of work) tells while it runs. Amounts are bytes; a total of 0 is not known. */
export type SessionEvent =
  | {
      readonly type: 'progress';
      readonly phase: Phase;
      readonly done: number;
      readonly total: number;
      /** Of `done`: not sent, being zero. */ readonly skipped?: number;
    }
  | { readonly type: 'note' | 'warning'; readonly message: string };

export type Listener = (event: SessionEvent) => void;
