import type { RequestRecord } from '../azure/request-log.js';
import type { Warning } from '../errors.js';

/** The phases of a command that take time. */
export type Phase =
  | 'check-base'
  | 'read-leaves'
  | 'compare-leaves'
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
export interface RequestEvent extends RequestRecord {
  readonly type: 'request';
}

/** Called with each event. */
export type Listener = (event: SessionEvent) => void;
