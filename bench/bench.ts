import type { Inputs } from './inputs/inputs.js';
import type { Sink } from './servers/sink.js';

/** The binary of azcopy, or why there is none. */
export type Azcopy = { readonly path: string; readonly libraries: string } | { readonly missing: string };

/** What every group of measurements works with. */
export interface Bench {
  /** Temporary; all of it goes at the end. */
  readonly folder: string;
  readonly inputs: Inputs;
  readonly sink: Sink;
  readonly azcopy: Azcopy;
  /** Paths of the small programs, as JavaScript: started by Node alone, they cost nothing but themselves. */
  readonly programs: { readonly floor: string; readonly reads: string; readonly sha256: string };
  /** How often each contestant runs, where a group knows no better. */
  readonly rounds: number;
  /** On stderr. */
  say(text: string): void;
}
