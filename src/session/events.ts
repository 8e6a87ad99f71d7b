import type { Warning } from '../errors.js';

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
      /** Bytes of content that this run has sent or fetched in this phase. Absent if `done` says the same. */
      readonly transferred?: number;
    }
  | RequestEvent
  | { readonly type: 'note'; readonly message: string }
  | ({ readonly type: 'warning' } & Warning);

/** One request to the service has ended. */
export interface RequestEvent {
  readonly type: 'request';
  readonly method: string;
  /** Without a SAS. */
  readonly uri: string;
  /** The range of bytes that was asked for or sent, as in the header; absent if there was none. */
  readonly range?: string;
  /** HTTP status; absent if there was no answer. */
  readonly status?: number;
  readonly milliseconds: number;
  /** The id of the request in the service's own logs. */
  readonly requestId?: string;
}

/** Called with each event. */
export type Listener = (event: SessionEvent) => void;
