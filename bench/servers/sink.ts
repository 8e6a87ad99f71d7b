import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Limits, SinkReport } from './sink-process.js';

/** The running sink. */
export interface Sink {
  /** With the account in the path. */
  readonly url: string;
  /** Forgets all blobs and counts, and goes on under other limits. */
  reset(limits?: Limits): Promise<void>;
  /** What happened since `reset`. */
  report(): Promise<SinkReport>;
  stop(): Promise<void>;
}

/** Starts the sink in a process of its own, on a free port; `script` is `sink-process.ts` as JavaScript. */
export async function startSink(script: string): Promise<Sink> {
  const child = fork(script, [], { execArgv: [], serialization: 'advanced' });
  const answerTo = async (message: object): Promise<SinkReport> => {
    child.send(message);
    const [{ report }] = (await once(child, 'message')) as [{ report: SinkReport }];
    return report;
  };
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    url: `http://127.0.0.1:${port}/devstoreaccount1`,
    reset: async (limits = {}) => {
      await answerTo({ limits });
    },
    report: () => answerTo({ report: true }),
    stop: async () => {
      // A Ctrl-C reaches it too.
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}
