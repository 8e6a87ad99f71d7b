import type { Bench } from '../bench.js';
import { atLeast, atMost } from '../goals.js';
import { MIB } from '../inputs/input.js';
import { rowOf, type Findings } from '../results.js';
import { pushToSink } from '../sink-runs.js';

/** Goal 11: on a line of 1 MiB/s no request gets so old that the service gives it up, and the line stays full. */
export async function slowUplink(bench: Bench): Promise<Findings> {
  const input = await bench.inputs.little();
  bench.say('slow uplink: takes most of a minute');
  const { sample, report } = await pushToSink(bench, input.path, [], { bytesPerSecond: MIB });
  const { oldestRequestMs, writingMs, givenUp, repeated, mostOpen } = report;
  return {
    rows: [rowOf({ group: 'slow uplink', input: input.name, server: 'sink, 1 MiB/s', contestant: 'vhdup' }, [sample])],
    goals: [
      atMost(30, {
        number: 11,
        what: 'age of the oldest request',
        unit: 's',
        reached: oldestRequestMs / 1000,
        note: `at most ${mostOpen} requests at a time`,
      }),
      atMost(0, { number: 11, what: 'requests given up or repeated', unit: '', reached: givenUp + repeated }),
      atLeast(80, {
        number: 11,
        what: 'throughput over 1 MiB/s, while pages are written',
        unit: '%',
        reached: (100 * report.bytes) / MIB / (writingMs / 1000),
      }),
    ],
  };
}
