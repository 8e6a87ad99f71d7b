import type { Test } from 'tap';
import { PASSING_FAULTS, WRITES, atNth, mendNames, type Fault, type RequestKind } from '../support/gate.js';
import { isRun } from '../support/scale.js';
import { smallScene, type SmallScene } from './small-scene.js';

/** A place in the protocol: the `nth` request of a kind. */
interface Point {
  readonly kind: RequestKind;
  readonly nth: number;
}

/** Which requests a push makes: of each kind the first and the last (of Put Page that is the footer), and of Put Page one between. */
async function pointsOf({ gate, pushed, assertPushed, assertHonest }: SmallScene): Promise<Point[]> {
  gate.records = [];
  gate.onAnswer = async ({ kind, index }) => {
    if (WRITES.has(kind)) await assertHonest('calm', `after request ${index}, ${kind}`);
  };
  await pushed('calm');
  gate.onAnswer = () => undefined;
  await assertPushed('calm');
  const counts = new Map<RequestKind, number>();
  for (const { kind } of gate.records) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].flatMap(([kind, count]) =>
    [...new Set([1, ...(kind === 'put-page' ? [2] : []), count])].map((nth) => ({ kind, nth })),
  );
}

/** Faults that do not pass. */
const LASTING: readonly Fault[] = ['answer-lost', 'expired-sas', 'silent-after'];

const SHORT = { attempts: 2, firstDelayMs: 1, maxDelayMs: 2, deadlineMs: 150 };
const PATIENT = { attempts: 6, firstDelayMs: 1, maxDelayMs: 4, deadlineMs: 400 };

/** Pushes once for each place in the protocol and each fault: the push succeeds, or says why it did not and is resumed to equal bytes. On an emulator with fewer faults. */
export async function runMatrix(t: Test, emulator: boolean): Promise<void> {
  const scene = await smallScene(t, { emulator, host: 'localhost' });
  const { gate, azurite, pushed, endOf, assertPushed, assertHonest, assertBaseIntact } = scene;
  const points = await pointsOf(scene);
  t.ok(points.length >= 15, `${points.length} places`);
  let cell = 0;
  for (const { kind, nth } of points) {
    for (const fault of emulator ? (['answer-lost'] as const) : PASSING_FAULTS) {
      const name = `once-${++cell}`;
      if (!isRun(cell)) continue;
      gate.faults = atNth(kind, nth, fault);
      await pushed(name, { retry: PATIENT });
      mendNames();
      await assertPushed(name, `${fault} at ${kind} ${nth}`);
    }
    for (const fault of emulator ? (['server-busy'] as const) : LASTING) {
      const name = `lasting-${++cell}`;
      if (!isRun(cell)) continue;
      const what = `${fault} from ${kind} ${nth} on`;
      gate.faults = atNth(kind, nth, fault, Infinity);
      // A push may succeed nevertheless: it does not wait for the lease to be given back.
      const code = await endOf(pushed(name, { retry: SHORT }), what);
      t.ok(['none', 'transfer-failed', 'not-authorised'].includes(code), `${what}: ${code}`);
      await gate.idle();
      await assertHonest(name, what);
      gate.faults = () => undefined;
      azurite.expireLease('vhds', name);
      await pushed(name);
      await assertPushed(name, what);
    }
  }
  await assertBaseIntact();
}
