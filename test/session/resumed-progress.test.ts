import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { openDisk, pull, push, type Phase, type SessionEvent } from '../../src/index.js';
import { stage } from '../support/stage.js';

const MIB = 1024 * 1024;
const DATA = 24 * MIB;

/** Keeps the events of one phase. */
function listenTo(phase: Phase) {
  const events: (SessionEvent & { type: 'progress' })[] = [];
  return {
    events,
    onEvent: (event: SessionEvent) => {
      if (event.type === 'progress' && event.phase === phase) events.push(event);
    },
  };
}

t.test('progress of a resume starts where the earlier run stood, and counts only its own bytes as moved', async (t) => {
  const { folder, uri, options, gate } = await stage(t);
  const { path } = await writeImage({
    path: join(folder, 'disk.vhd'),
    type: 'dynamic',
    size: 26 * MIB,
    writes: [{ offset: MIB, data: randomBytes(DATA) }],
  });
  await using disk = await openDisk(path);
  const out = join(folder, 'out.vhd');
  for (const [phase, kind, work] of [
    [
      'write',
      'put-page',
      (more: object): Promise<{ readonly outcome: string }> => push(disk, { ...options, to: uri('disk'), ...more }),
    ],
    [
      'fetch',
      'read',
      (more: object): Promise<{ readonly outcome: string }> =>
        pull(uri('disk'), out, { ...options, recordEvery: 4 * MIB, ...more }),
    ],
  ] as const) {
    let count = 0;
    gate.onRequest = (record) =>
      record.kind === kind && (record.range?.length ?? 0) > 512 && ++count > 3
        ? { status: 403, headers: { 'x-ms-error-code': 'AuthorizationFailure' } }
        : undefined;
    const first = listenTo(phase);
    await t.rejects(work({ concurrency: 1, onEvent: first.onEvent }), { code: 'not-authorised' });
    t.match(first.events[0], { done: 0, transferred: 0 }, `${phase}: a new one starts at nothing`);
    gate.onRequest = () => undefined;
    const again = listenTo(phase);
    t.match(await work({ concurrency: 1, onEvent: again.events.length === 0 ? again.onEvent : undefined }), {
      outcome: 'resumed',
    });
    const [start] = again.events;
    const end = again.events.at(-1);
    t.match(start, { transferred: 0 });
    t.ok(start && start.done >= MIB && start.done < DATA, `${phase}: starts at ${start?.done ?? -1}`);
    t.equal(end?.done, end?.total, `${phase}: ends with all of it`);
    const moved = (end?.transferred ?? 0) + (end?.skipped ?? 0);
    t.equal(moved, (end?.total ?? 0) - (start?.done ?? 0), `${phase}: what was there is not moved again`);
  }
});
