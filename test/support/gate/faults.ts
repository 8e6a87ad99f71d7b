import { refusal, type OwnAnswer } from './answer.js';
import type { GateRecord, RequestKind } from './record.js';

/** The answers of a service in trouble: what was asked for is not done. */
export const REFUSALS = {
  'operation-timed-out': refusal(
    500,
    'OperationTimedOut',
    'Operation could not be completed within the permitted time.',
  ),
  'server-busy': refusal(503, 'ServerBusy', 'The server is busy.'),
  'server-busy-retry-after': refusal(503, 'ServerBusy', 'The server is busy.', { 'retry-after': '0' }),
  'too-many-requests': refusal(429, 'TooManyRequests', 'Too many requests.', { 'retry-after': '0' }),
  'request-time-out': refusal(408, 'RequestTimeout', 'The request timed out.'),
  'expired-sas': refusal(
    403,
    'AuthenticationFailed',
    'Server failed to authenticate the request. Signature not valid in the specified time frame.',
  ),
} as const satisfies Record<string, OwnAnswer>;

/** What befalls the way to the service. */
export type WayFault =
  /** The connection is reset: with the first byte of the request, within its body, or when all of it came; nothing is done. */
  | 'reset-before-body'
  | 'reset-during-body'
  | 'reset-after-body'
  /** It is done, and the connection is reset before the answer. */
  | 'answer-lost'
  /** It is done, and the answer comes late. */
  | 'slow'
  /** There is never an answer; it is not done, or it is. */
  | 'silent'
  | 'silent-after'
  /** It is done, and the connection ends within the answer. */
  | 'truncated'
  /** It is done, and the answer is only the first half of it, but of the length that its head says. */
  | 'halved'
  /** The connection is reset, and then the name does not resolve, or nobody listens: for gates that are reached by `localhost`. */
  | 'unresolved'
  | 'refused';

export type Fault = keyof typeof REFUSALS | WayFault;

/** All but a refusal for good: a request that is tried again gets over them. */
export const PASSING_FAULTS: readonly Fault[] = [
  'operation-timed-out',
  'server-busy',
  'server-busy-retry-after',
  'too-many-requests',
  'request-time-out',
  'reset-before-body',
  'reset-during-body',
  'reset-after-body',
  'answer-lost',
  'slow',
  'silent',
  'silent-after',
  'truncated',
  'halved',
  'unresolved',
  'refused',
];

/** Decides for each request, when its head has come, what befalls it. */
export type FaultScript = (record: GateRecord) => Fault | undefined;

export const NO_FAULTS: FaultScript = () => undefined;

/** A fault at the `nth` request of a kind (from 1), and at the `times - 1` of that kind that follow. */
export function atNth(kind: RequestKind, nth: number, fault: Fault, times = 1): FaultScript {
  let seen = 0;
  return (record) => (record.kind === kind && ++seen >= nth && seen < nth + times ? fault : undefined);
}

/** Faults at random: a `share` of all requests meets one of `faults`. The same seed makes the same choices. */
export function atRandom(seed: number, share: number, faults: readonly Fault[]): FaultScript {
  const random = randomFrom(seed);
  return () => (random() < share ? faults[Math.floor(random() * faults.length)] : undefined);
}

/** Mulberry32: numbers in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function isRefusal(fault: Fault): fault is keyof typeof REFUSALS {
  return fault in REFUSALS;
}
