import type { Bench } from './bench.js';
import { pushWithVhdup } from './contestants/vhdup.js';
import type { Run } from './measure.js';
import type { Sample } from './results.js';
import type { Limits, SinkReport } from './servers/sink-process.js';
import { sinkTarget } from './servers/target.js';

/** A run against the sink, with what the sink saw of it. */
export interface SinkRun {
  readonly sample: Sample;
  readonly report: SinkReport;
}

/** Runs a contestant against an empty sink; it gets the URI of a new blob. */
export async function toSink(
  { sink }: Bench,
  contestant: (uri: string) => Promise<Run>,
  limits: Limits = {},
): Promise<SinkRun & { readonly run: Run }> {
  await sink.reset(limits);
  const run = await contestant(sinkTarget(sink).uri('disk'));
  const report = await sink.report();
  const { wallMs, cpuMs, rss } = run;
  return { run, report, sample: { wallMs, cpuMs, rss, requests: report.requests, bytes: report.bytes } };
}

/** Pushes a disk to the sink by `vhdup`. Throws unless both sides count the same requests and bytes. */
export async function pushToSink(
  bench: Bench,
  path: string,
  flags: readonly string[],
  limits: Limits = {},
): Promise<SinkRun> {
  let told = { sent: 0, requests: 0 };
  const { sample, report } = await toSink(
    bench,
    async (uri) => {
      const pushed = await pushWithVhdup(bench, path, ['--to', uri, ...flags]);
      told = pushed.result;
      return pushed;
    },
    limits,
  );
  if (told.sent !== report.bytes || told.requests !== report.requests['put-page']) {
    throw new Error(
      `vhdup tells of ${told.requests} requests with ${told.sent} bytes, the sink got ${report.requests['put-page'] ?? 0} with ${report.bytes}`,
    );
  }
  return { sample, report };
}
