import { Random } from '../support/mutations.js';

/** The n-th request of a run (from 1), before it is served or after; or the time between the two runs. */
export interface Moment {
  readonly run: 1 | 2 | 'between';
  readonly request: number;
  readonly side: 'before' | 'after';
}

/** How a third party gets past a lease: not at all, by breaking it, or when its time has passed. */
export type Force = 'none' | 'break' | 'expire';
export type Deed =
  | 'write'
  | 'clear'
  | 'metadata'
  | 'set-md5'
  | 'remove-md5'
  | 'recreate'
  | 'recreate-alike'
  | 'own-lease'
  | 'keep-lease'
  | 'write-base';
/** A page that is still to be written, was written, comes from the base, is the footer's, or is none of the push's. */
export type Place = 'to-write' | 'written' | 'copied' | 'footer' | 'outside';

/** A page of a kind: of all that there are the one at `pick`, which may be any number. */
export interface Spot {
  readonly place: Place;
  readonly pick: number;
}

/** One thing that a third party does to a destination. */
export interface Action {
  readonly at: Moment;
  readonly force: Force;
  readonly deed: Deed;
  readonly spot: Spot;
  readonly pages: number;
  /** Waits for the next second of the clock first: the service's Last-Modified counts in seconds. */
  readonly inNextSecond: boolean;
}

/** What ends the first run before it is done. */
export interface Interruption {
  readonly kind: 'none' | 'kill' | 'ctrl-c' | 'forbidden' | 'forbidden-with-leases' | 'lease-broken';
  readonly request: number;
  /** Of a kill: before the request is served, while it is, or when its answer is lost. */
  readonly moment: 'before' | 'during' | 'after';
}

/** How a push runs: as a process of its own, or by the library; and how much it does at a time. */
export interface RunWay {
  readonly isProcess: boolean;
  readonly concurrency: number;
}

/** Where the second run finds what it needs. */
export interface Machine {
  readonly state: 'same' | 'other';
  readonly files: 'same' | 'copies';
}

/** A whole attack, as plain data. */
export interface Round {
  readonly index: number;
  readonly isEmulator: boolean;
  readonly isOverBase: boolean;
  readonly interruption: Interruption;
  readonly first: RunWay;
  readonly second: RunWay;
  readonly machine: Machine;
  readonly actions: readonly Action[];
  /**
   * What happens to the finished blob: it is overwritten as soon as the service lets a third party; when the second of its
   * completion is over, by breaking what is left of the lease; or in the same way at once, which nobody can see.
   */
  readonly afterwards: 'nothing' | 'overwritten' | 'broken-into' | 'sabotaged';
  readonly lastSpot: Spot;
}

/** Pushes of these chains take about as many requests. */
const REQUESTS = { base: 38, full: 24 } as const;

const INTERRUPTIONS = [
  'none',
  'none',
  'kill',
  'kill',
  'kill',
  'kill',
  'ctrl-c',
  'forbidden',
  'forbidden-with-leases',
  'lease-broken',
  'lease-broken',
] as const;
const DEEDS = [
  'write',
  'write',
  'write',
  'write',
  'clear',
  'clear',
  'metadata',
  'set-md5',
  'remove-md5',
  'recreate',
  'recreate-alike',
  'own-lease',
  'own-lease',
  'keep-lease',
] as const;
const PLACES = ['to-write', 'written', 'copied', 'footer', 'outside'] as const;

/** The round with this index of a seed: always the same one. */
export function roundOf(seed: number, index: number): Round {
  const random = new Random(seed + Math.imul(index + 1, 0x9e3779b1));
  const isOverBase = random.below(3) > 0;
  const most = isOverBase ? REQUESTS.base : REQUESTS.full;
  const kind = random.pick(INTERRUPTIONS);
  const moment = random.pick(['before', 'during', 'after'] as const);
  const interruption: Interruption = { kind, request: 1 + random.below(most), moment };
  const isSingle = kind === 'none';
  const spot = (places: readonly Place[] = PLACES): Spot => ({
    place: random.pick(places),
    pick: random.below(2 ** 31),
  });
  const actions = Array.from({ length: 1 + random.below(3) }, (): Action => {
    const run = isSingle ? 1 : random.pick([1, 'between', 'between', 'between', 2] as const);
    const at: Moment = {
      run,
      request: 1 + random.below(run === 1 && !isSingle ? interruption.request : most),
      side: random.pick(['before', 'after'] as const),
    };
    const force = random.pick(['none', 'break', 'expire'] as const);
    const deed = isOverBase && random.chance(25) ? 'write-base' : random.pick(DEEDS);
    return { at, force, deed, spot: spot(), pages: random.pick([1, 1, 2, 8]), inNextSecond: random.chance(3) };
  });
  return {
    index,
    isEmulator: random.chance(3),
    isOverBase,
    interruption,
    first: {
      isProcess: kind === 'kill' || (kind === 'ctrl-c' && random.chance(2)),
      concurrency: random.pick([1, 2, 4]),
    },
    second: { isProcess: random.chance(8), concurrency: random.pick([1, 2, 4]) },
    machine: {
      state: random.pick(['same', 'same', 'other'] as const),
      files: random.pick(['same', 'same', 'copies'] as const),
    },
    actions,
    afterwards: random.pick(['nothing', 'overwritten', 'overwritten', 'broken-into', 'sabotaged'] as const),
    lastSpot: spot(PLACES.filter((place) => place !== 'to-write')),
  };
}
