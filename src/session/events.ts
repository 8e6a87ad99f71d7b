/** The phases of a command that take time. */
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

/** An event of a running command. Amounts are bytes; a total of 0 is not known. */
export type SessionEvent =
  | {
      readonly type: 'progress';
      readonly phase: Phase;
      readonly done: number;
      readonly total: number;
      /** The part of `done` that was zero, and not sent. */
      readonly skipped?: number;
    }
  | { readonly type: 'note' | 'warning'; readonly message: string };

/** Called with each event. */
export type Listener = (event: SessionEvent) => void;
