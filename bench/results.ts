import { median, type Cost } from './measure.js';

/** One run of a contestant, checked. */
export interface Sample extends Cost {
  /** By kind, where the server counts them. */
  readonly requests?: Readonly<Record<string, number>>;
  /** Bytes of pages that were sent, where there is something to send. */
  readonly bytes?: number;
}

/** What the table says of a contestant: the medians of its runs. */
export interface Row extends Sample {
  readonly group: string;
  readonly input: string;
  readonly server: string;
  readonly contestant: string;
  readonly runs: number;
}

/** A ratio, time or amount that the project wants to reach. */
export interface Goal {
  /** The number that the README explains. */
  readonly number: number;
  readonly what: string;
  readonly limit: number;
  readonly atLeast: boolean;
  readonly unit: string;
  /** `undefined`: it could not be measured; `note` says why. */
  readonly reached: number | undefined;
  readonly met: boolean | undefined;
  readonly note: string | undefined;
}

/** What a group of measurements found. */
export interface Findings {
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
}

export function rowOf(place: Pick<Row, 'group' | 'input' | 'server' | 'contestant'>, samples: readonly Sample[]): Row {
  const last = samples.at(-1);
  const middle = (of: (sample: Sample) => number) => median(samples.map(of));
  return {
    ...place,
    runs: samples.length,
    wallMs: middle(({ wallMs }) => wallMs),
    cpuMs: middle(({ cpuMs }) => cpuMs),
    rss: middle(({ rss }) => rss),
    ...(last?.requests ? { requests: last.requests } : {}),
    ...(last?.bytes === undefined ? {} : { bytes: last.bytes }),
  };
}
