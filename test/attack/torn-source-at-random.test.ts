import { createHash } from 'node:crypto';
import { chmod, link, mkdtemp, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import fc from 'fast-check';
import t from 'tap';
import { TreeHasher, leafValues } from '../../src/digest/tree.js';
import { VhdupError, openDisk, push } from '../../src/index.js';
import { forEachLimited, newLimit } from '../../src/run/concurrency.js';
import { startAzurite, type Azurite } from '../support/azurite.js';
import { bytesOf, containerOf, factsOf } from '../support/blobs.js';
import { chains, writeChain, type LayerSpec } from '../support/chains.js';
import { temporaryFolder } from '../support/folder.js';
import { gateFor } from '../support/killed-push.js';
import { contentOf } from '../support/pull-scene.js';
import { makeOld, placesIn } from '../support/vhd-places.js';
import { seedOfRun } from '../support/scale.js';

/** Pushes whose source is torn at least once; all of them are 200. */
const ROUNDS = Number(process.env['VHDUP_TORN_SOURCES'] ?? 10);
/** Later points are past the end of many a small push. */
const MAX_REQUEST = 20;

interface Tear {
  /** Of the chain, from the top. */
  readonly layer: number;
  /** What becomes of the file. */
  readonly what: 'all data' | 'a sector' | 'a bitmap' | 'the table' | 'chmod' | 'link';
  /** Which block, which byte, and what is put there. */
  readonly pick: number;
  /** Seen from the push's first request. */
  readonly request: number;
  readonly moment: 'before' | 'after';
  /** Whether the time of modification is put back. */
  readonly isPutBack: boolean;
}

interface Round {
  readonly specs: readonly LayerSpec[];
  readonly base: number | undefined;
  readonly emulator: boolean;
  readonly options: {
    readonly contentMd5: 'always' | 'never';
    readonly verify: 'sent' | 'all' | undefined;
    readonly baseCheck: 'content' | 'md5';
  };
  readonly tears: readonly Tear[];
}

const tear: fc.Arbitrary<Tear> = fc.record({
  layer: fc.nat(5),
  what: fc.oneof(
    { weight: 3, arbitrary: fc.constant('all data' as const) },
    fc.constantFrom('a sector' as const, 'a bitmap' as const, 'the table' as const, 'chmod' as const, 'link' as const),
  ),
  pick: fc.nat(),
  request: fc.integer({ min: 1, max: MAX_REQUEST }),
  moment: fc.constantFrom('before' as const, 'after' as const),
  isPutBack: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
});

const rounds: fc.Arbitrary<Round> = fc.record({
  specs: chains,
  base: fc.option(fc.nat(4), { nil: undefined, freq: 3 }),
  emulator: fc.boolean(),
  options: fc.record({
    contentMd5: fc.oneof({ weight: 4, arbitrary: fc.constant('always' as const) }, fc.constant('never' as const)),
    verify: fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      fc.constantFrom('sent' as const, 'all' as const),
    ),
    baseCheck: fc.constantFrom('content' as const, 'md5' as const),
  }),
  tears: fc.array(tear, { minLength: 1, maxLength: 3 }),
});

async function tearFile(path: string, { what, pick, isPutBack }: Tear): Promise<void> {
  if (what === 'chmod') return chmod(path, (await stat(path)).mode ^ 0o040);
  if (what === 'link') return link(path, `${path}.${Date.now()}.${pick}`).catch(() => undefined);
  const file = await open(path, 'r+');
  const { blocks, bitmaps, entries } = await placesIn(file);
  const index = blocks.length === 0 ? 0 : pick % blocks.length;
  const block = blocks[index];
  const fresh = (length: number) => Buffer.from(Array.from({ length }, (_, at) => (at * 31 + pick + (at >> 8)) & 0xff));
  const swapped = entries[(index + 1) % Math.max(1, entries.length)];
  if (what === 'all data')
    for (const { position, sectors } of blocks) await file.write(fresh(sectors * 512), 0, sectors * 512, position);
  if (what === 'a sector' && block) await file.write(fresh(512), 0, 512, block.position + (pick % block.sectors) * 512);
  if (what === 'a bitmap' && block && bitmaps[index] !== undefined) {
    const byte = Buffer.alloc(1);
    const at = bitmaps[index] + (pick % Math.ceil(block.sectors / 8));
    await file.read(byte, 0, 1, at);
    byte.writeUInt8(byte.readUInt8() ^ 0x80);
    await file.write(byte, 0, 1, at);
  }
  if (what === 'the table' && entries[index] !== undefined && swapped !== undefined) {
    const both = Buffer.alloc(8);
    await file.read(both, 0, 4, entries[index]);
    await file.read(both, 4, 4, swapped);
    await file.write(both, 4, 4, entries[index]);
    await file.write(both, 0, 4, swapped);
  }
  await file.close();
  if (isPutBack) await makeOld(path);
}

async function contentNow(path: string, layer = 0): Promise<Buffer> {
  await using disk = await openDisk(path);
  return await contentOf(disk.ancestor(layer));
}

/** What is wrong with what stands at the destination, if it says that it is complete; `contents`: what it may be. */
async function lieAt(
  container: ContainerClient,
  name: string,
  contents: readonly Buffer[],
): Promise<string | undefined> {
  const facts = await factsOf(container, name);
  if (facts?.metadata['vhdup_state'] !== 'complete')
    return facts?.contentMd5 && facts.metadata['vhdup_state'] === 'writing'
      ? 'a Content-MD5 on what is not complete'
      : undefined;
  const bytes = await bytesOf(container, name);
  const there = bytes.subarray(0, -512);
  if (!contents.some((content) => content.equals(there))) return 'complete, with a mix of states';
  if (facts.contentMd5 && facts.contentMd5 !== createHash('md5').update(bytes).digest('base64'))
    return 'a Content-MD5 of other bytes';
  const tree = new TreeHasher(there.length);
  tree.add(0, leafValues(there));
  if (facts.metadata['vhdup_tree'] !== tree.digest().toString('hex')) return 'a tree digest of other bytes';
  return undefined;
}

/** How a torn push ended: `none` if it succeeded; `untorn` if it ended before anything happened to its files. */
async function play(
  azurite: Azurite,
  container: ContainerClient,
  folder: string,
  name: string,
  { specs, base, emulator, options, tears }: Round,
): Promise<string> {
  const own = await mkdtemp(join(folder, 'round-'));
  const layers = (await writeChain(own, specs)).reverse();
  for (const { path } of layers) await makeOld(path);
  const [top] = layers;
  if (!top) throw new Error('no layer');
  const baseLayer = base === undefined ? undefined : layers.length - 1 - (base % layers.length);
  const below = baseLayer === undefined ? undefined : layers[baseLayer];
  return gateFor(azurite, emulator, async (gate) => {
    const common = {
      environment: gate.env,
      stateFolder: own,
      cacheFolder: join(own, 'cache'),
      retry: { attempts: 3, firstDelayMs: 1, maxDelayMs: 4 },
    };
    if (below) {
      await using disk = await openDisk(below.path);
      await push(disk, { ...common, to: `${azurite.url}/vhds/${name}-base`, environment: azurite.env });
    }
    const run = async () => {
      await using disk = await openDisk(top.path);
      return await push(disk, {
        ...common,
        ...options,
        to: `${gate.url}/vhds/${name}`,
        ...(below ? { base: `${gate.url}/vhds/${name}-base` } : {}),
        overwrite: true,
      });
    };
    const contents = [await contentNow(top.path)];
    let torn = 0;
    let change = Promise.resolve();
    const meddle = (moment: Tear['moment'], index: number) => {
      for (const tear of tears.filter((one) => one.moment === moment && one.request === index)) {
        change = change.then(async () => {
          await tearFile(layers[tear.layer % layers.length]?.path ?? '', tear);
          contents.push(await contentNow(top.path));
          torn++;
        });
      }
      return change;
    };
    gate.onRequest = async ({ index }) => {
      await meddle('before', index);
    };
    gate.onAnswer = async ({ index }) => {
      await meddle('after', index);
    };
    const end = await run().then(
      () => 'none',
      (error: unknown) => (error instanceof VhdupError ? error.code : String(error)),
    );
    await gate.idle();
    [gate.onRequest, gate.onAnswer] = [() => undefined, () => undefined];
    if (torn === 0 && end === 'none') return 'untorn';
    if (!['none', 'source-changed', 'base-mismatch'].includes(end)) throw new Error(`it ended with ${end}`);
    const lie = await lieAt(container, name, contents);
    if (lie !== undefined) throw new Error(`${end}: ${lie}`);

    const now = await contentNow(top.path);
    const isBaseRight = !below || (await contentNow(top.path, baseLayer)).equals(below.content);
    const again = await run().then(
      ({ outcome }) => outcome,
      (error: unknown) => (error instanceof VhdupError ? error.code : String(error)),
    );
    if (!isBaseRight) {
      // What was complete before its ancestor changed still is; all else has to find it out.
      if (again !== 'base-mismatch')
        throw new Error(`over a base that is another disk the next run ended with ${again}`);
      return `${end}, then base-mismatch`;
    }
    if (!['pushed', 'resumed', 'already-there'].includes(again)) throw new Error(`the next run ended with ${again}`);
    const second = await lieAt(container, name, [now]);
    if (second !== undefined) throw new Error(`${end}, then ${again}: ${second}`);
    if ((await factsOf(container, name))?.metadata['vhdup_state'] !== 'complete') throw new Error('not complete');
    const third = (await run()).outcome;
    if (third !== 'already-there') throw new Error(`the third run: ${third}`);
    await rm(own, { recursive: true });
    return end;
  });
}

t.test(
  `${ROUNDS} pushes of random chains whose files are rewritten or touched at random: never a mix, and the next run is right`,
  async (t) => {
    const folder = await temporaryFolder(t);
    const azurite = await startAzurite();
    t.teardown(() => azurite.stop());
    const container = await containerOf(azurite, 'vhds');
    const seed = seedOfRun();
    t.comment(`seed ${seed}`);
    const ends = new Map<string, number>();
    let torn = 0;
    const games = function* () {
      const sample = fc.sample(rounds, { seed, numRuns: ROUNDS * 3 });
      for (const [index, round] of sample.entries()) if (torn < ROUNDS) yield { index, round };
    };
    await forEachLimited(
      games(),
      newLimit(2),
      async ({ index, round }) => {
        try {
          const end = await play(azurite, container, folder, `round-${index}`, round);
          ends.set(end, (ends.get(end) ?? 0) + 1);
          if (end !== 'untorn') torn++;
        } catch (error) {
          throw new Error(
            `seed ${seed}, round ${index}: base ${round.base}, emulator ${round.emulator}, options ${JSON.stringify(round.options)}, tears ${JSON.stringify(round.tears)}`,
            { cause: error },
          );
        }
      },
      () => undefined,
    );
    t.comment([...ends].map(([end, count]) => `${count} ${end}`).join(', '));
    t.ok(torn >= ROUNDS, `${torn} were torn`);
  },
);
