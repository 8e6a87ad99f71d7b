import { randomInt } from 'node:crypto';
import { mkdtemp, open, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { flatten, writeImage, type Write } from '../../fixtures/vhd.js';
import { VhdupError, type PushOptions, type PushResult } from '../../src/index.js';
import { bytesOf, factsOf } from '../support/blobs.js';
import { randomFrom } from '../support/gate/faults.js';
import { scaled } from '../support/scale.js';
import { stage } from '../support/stage.js';
import { makeOld } from '../support/vhd-places.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const ROUNDS = Number(process.env['VHDUP_GAPS'] ?? scaled(4));
const seed = Number(process.env['VHDUP_SEED'] ?? randomInt(2 ** 31));
t.setTimeout(900_000);
t.comment(`seed ${seed}`);

t.test(
  `${ROUNDS} pushes of scattered changes over links that change, stopped, touched and torn at random, end with equal bytes`,
  async (t) => {
    const scene = await stage(t);
    const { gate, container, uri, pushed } = scene;
    const only = process.env['VHDUP_ROUND'];
    for (let round = 0; round < ROUNDS; round++) {
      if (only !== undefined && Number(only) !== round) continue;
      const random = randomFrom(seed + round);
      const upTo = (count: number) => Math.floor(random() * count);
      const oneOf = <T>(...values: readonly [T, ...T[]]): T => values[upTo(values.length)] ?? values[0];
      const noise = (length: number) => Uint8Array.from({ length }, () => 1 + upTo(255));
      const folder = await mkdtemp(join(scene.folder, 'round-'));
      const size = 5 * MIB + upTo((8 * MIB) / 512) * 512;
      const childSize = oneOf(size, size, size + 512 * upTo(4000), size - 512 * upTo(4000));
      const tile = noise(MIB);
      const baseWrites: Write[] = [];
      for (let at = 0; at < size;) {
        const length = Math.min(size - at, 512 * (1 + upTo(2000)));
        if (random() < 0.8) baseWrites.push({ offset: at, data: tile.subarray(0, length) });
        at += length;
      }
      const scattered = (from: number, to: number): Write[] => {
        const writes: Write[] = [];
        const spread = oneOf(8, 60, 200, 500);
        for (let at = from; at < to;) {
          const length = Math.min(to - at, 512 * (1 + upTo(oneOf(2, 2, 20, 300))));
          writes.push({ offset: at, data: random() < 0.2 ? new Uint8Array(length) : noise(length) });
          at += length + 512 * upTo(spread);
        }
        return writes;
      };
      const childWrites = scattered(512 * upTo(100), childSize);
      const isFull = random() < 0.2;
      const type = oneOf('fixed' as const, 'dynamic' as const);
      const blockSize = oneOf(512 * KIB, 2 * MIB);
      const base = await writeImage({ path: join(folder, 'base.vhd'), type, size, blockSize, writes: baseWrites });
      const child = await writeImage({
        path: join(folder, 'child.vhd'),
        type: 'differencing',
        size: childSize,
        blockSize,
        parent: base,
        writes: childWrites,
      });
      const content = flatten([
        { size, writes: baseWrites },
        { size: childSize, writes: childWrites },
      ]);
      for (const { path } of [base, child]) await makeOld(path);
      const [baseName, name] = [`b${round}`, `c${round}`];
      gate.onRequest = () => undefined;
      gate.onAnswer = () => undefined;
      gate.hidesEmulator = random() < 0.7;
      await pushed(base.path, { to: uri(baseName) });
      const baseFacts = await factsOf(container, baseName);
      const options: PushOptions = {
        to: uri(name),
        ...(isFull ? {} : { base: uri(baseName), ...(random() < 0.15 ? { baseCheck: 'id' as const } : {}) }),
        gap: oneOf(undefined, undefined, undefined, 0, 16 * KIB, 245 * KIB, 4 * MIB),
        contentMd5: random() < 0.5 ? 'always' : 'never',
        cacheFolder: false,
      };
      const log: string[] = [
        `base ${type} ${size}, child ${childSize}, full ${isFull}, gap ${options.gap}, check ${options.baseCheck}`,
      ];
      let last: PushResult | undefined;
      try {
        for (let run = 0; run < 8; run++) {
          gate.records = [];
          const stop = new AbortController();
          const stopAt = run < 7 && random() < 0.75 ? 1 + upTo(30) : Infinity;
          const stopKind = oneOf('put-page' as const, 'put-page' as const, 'any' as const);
          const tornAt = random() < 0.25 ? 1 + upTo(20) : Infinity;
          const backAt = tornAt + 1 + upTo(4);
          let [rate, latency] = [oneOf(256 * KIB, 4 * MIB, 400 * MIB), oneOf(0, 2, 20)];
          let seen = 0;
          let free = performance.now();
          const tornOffset = 512 * upTo(size / 512 - 1);
          const before = Buffer.alloc(512);
          let isTorn = false;
          const file = await open(base.path, 'r+');
          // One after the other, whichever requests come meanwhile.
          let change = Promise.resolve();
          const tearIt = () =>
            (change = change.then(async () => {
              isTorn = true;
              await file.read(before, 0, 512, tornOffset);
              await file.write(noise(512), 0, 512, tornOffset);
              await makeOld(base.path);
            }));
          const putBack = () =>
            (change = change.then(async () => {
              if (!isTorn) return;
              isTorn = false;
              await file.write(before, 0, 512, tornOffset);
              await makeOld(base.path);
            }));
          gate.onRequest = async ({ kind, bodyLength }) => {
            const isCounted = kind === 'put-page' || (stopKind === 'any' && kind !== 'lease');
            if (isCounted && ++seen === stopAt) stop.abort();
            if (isCounted && seen === tornAt && type === 'fixed') await tearIt();
            if (isCounted && seen === backAt) await putBack();
            if (kind !== 'put-page') return undefined;
            if (random() < 0.05) [rate, latency] = [oneOf(256 * KIB, 4 * MIB, 400 * MIB), oneOf(0, 2, 20)];
            const now = performance.now();
            free = Math.max(now, free) + (1000 * bodyLength) / rate;
            await sleep(Math.min(400, free - now + latency * random()));
            return undefined;
          };
          let [done, total] = [0, 0];
          let phase = '';
          const verify = random() < 0.2 ? oneOf('sent' as const, 'all' as const) : undefined;
          const concurrency = oneOf(undefined, 1, 3, 6);
          log.push(
            `run ${run}: stop ${stopAt} ${stopKind}, torn ${tornAt} at ${tornOffset}, ${concurrency} lanes, verify ${verify}`,
          );
          try {
            last = await pushed(child.path, {
              ...options,
              signal: stop.signal,
              concurrency,
              verify,
              onEvent: (event) => {
                if (event.type !== 'progress') return;
                if (event.phase === 'write') {
                  if (phase === 'write' && (event.done < done || event.total !== total))
                    throw new Error(`progress ${done} of ${total}, then ${event.done} of ${event.total}`);
                  if (event.done > event.total) throw new Error(`progress ${event.done} of ${event.total}`);
                  ({ done, total } = event);
                }
                phase = event.phase;
              },
            });
          } catch (error) {
            if (!(error instanceof VhdupError)) throw error;
            log.push(`  ${error.code}: ${error.message}`);
            if (
              !['cancelled', 'source-changed'].includes(error.code) &&
              !(error.code === 'content-differs' && tornAt < Infinity) &&
              !(error.code === 'base-mismatch' && tornAt < Infinity)
            )
              throw error;
          } finally {
            await gate.idle();
            await putBack();
            await file.close();
          }
          if (random() < 0.15) await utimes(child.path, 1_700_000_100 + run, 1_700_000_100 + run);
          const facts = await factsOf(container, name);
          const isComplete = facts?.metadata['vhdup_state'] === 'complete';
          if (isComplete && !(await bytesOf(container, name)).subarray(0, -512).equals(content)) {
            const bytes = await bytesOf(container, name);
            const at = content.findIndex((byte, index) => bytes[index] !== byte);
            throw new Error(`false success: differs at ${at}`);
          }
          if (last) {
            const puts = gate.records.filter(({ kind, status }) => kind === 'put-page' && status === 201);
            const bytes = puts.reduce((sum, { bodyLength }) => sum + bodyLength, 0);
            if (last.outcome !== 'already-there' && (last.sent > bytes || last.requests > puts.length))
              throw new Error(`sent ${last.sent} in ${last.requests}, was ${bytes} in ${puts.length}`);
            if (last.outcome === 'pushed' && run === 0 && last.gaps > last.sent + last.zeros)
              throw new Error(`gaps ${last.gaps} of ${last.sent}`);
            if (!isComplete) throw new Error('not complete');
            break;
          }
        }
        if (!last) throw new Error('never done');
        if (JSON.stringify(await factsOf(container, baseName)) !== JSON.stringify(baseFacts))
          throw new Error('the base was touched');
      } catch (error) {
        throw new Error(`seed ${seed}, round ${round}:\n${log.join('\n')}`, { cause: error });
      }
    }
    t.pass(`${ROUNDS} rounds`);
  },
);
