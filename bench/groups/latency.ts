import type { Bench } from '../bench.js';
import { putFloor } from '../contestants/floor.js';
import { atLeast } from '../goals.js';
import { MIB } from '../inputs/input.js';
import { rowOf, type Findings, type Sample } from '../results.js';
import type { Limits, SinkReport } from '../servers/sink-process.js';
import { pushToSink, toSink } from '../sink-runs.js';

const CONNECTIONS = 16;
const LATENCY_MS = 40;
const MIB_PER_SECOND = 10;
const REQUEST = 4;

/** Goal 10: what latency and the bandwidth of a connection allow is made use of. */
export async function latency(bench: Bench): Promise<Findings> {
  const input = await bench.inputs.dense();
  bench.say('latency');
  const limits: Limits = { latencyMs: LATENCY_MS, bytesPerSecondPerConnection: MIB_PER_SECOND * MIB };
  const { sample, report } = await pushToSink(bench, input.path, ['--concurrency', String(CONNECTIONS)], limits);
  // What the sink lets through at all, on this machine.
  const floor = await toSink(
    bench,
    (uri) =>
      putFloor(
        bench,
        input,
        report.puts.filter(([offset]) => offset < input.size),
        uri,
        { md5: true },
      ),
    limits,
  );
  const possible = (CONNECTIONS * REQUEST) / (LATENCY_MS / 1000 + REQUEST / MIB_PER_SECOND);
  const reached = throughput(report);
  const row = (contestant: string, own: Sample) =>
    rowOf(
      {
        group: 'latency',
        input: input.name,
        server: `sink, ${LATENCY_MS} ms, ${MIB_PER_SECOND} MiB/s a connection`,
        contestant,
      },
      [own],
    );
  return {
    rows: [row(`vhdup --concurrency ${CONNECTIONS}`, sample), row('floor with MD5', floor.sample)],
    goals: [
      atLeast(90, {
        number: 10,
        what: `throughput over the limit of ${possible.toFixed(0)} MiB/s, while pages are written`,
        unit: '%',
        reached: (100 * reached) / possible,
        note: `${reached.toFixed(0)} MiB/s, the floor ${throughput(floor.report).toFixed(0)}`,
      }),
    ],
  };
}

/** MiB/s while pages were written. */
function throughput({ bytes, writingMs }: SinkReport): number {
  return bytes / MIB / (writingMs / 1000);
}
