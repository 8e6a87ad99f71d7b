import { randomBytes } from 'node:crypto';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import { flatten, writeImage, type Write } from '../../fixtures/vhd.js';
import { fixedFooterOf, openDisk, push } from '../../src/index.js';
import { startAzurite, type AzuriteHere } from '../support/azurite.js';
import { bytesOf, containerOf, factsOf, type BlobFacts } from '../support/blobs.js';
import { startGate, type Gate } from '../support/gate.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Base ← child ← grandchild in one folder, and what they read as. */
export interface Chain {
  readonly folder: string;
  readonly base: string;
  readonly child: string;
  readonly grandchild: string;
  /** The child's content, with the footer that a push appends. */
  readonly childBlob: Buffer;
  readonly grandchildBlob: Buffer;
  /** Offsets of pages, by what a push of the child over the base does with them. */
  readonly pages: {
    readonly sent: readonly number[];
    readonly copied: readonly number[];
    readonly untouched: readonly number[];
  };
}

/** A server of one kind behind a gate, with the base of a chain pushed to it. */
export interface World {
  readonly chain: Chain;
  readonly isEmulator: boolean;
  readonly azurite: AzuriteHere;
  readonly gate: Gate;
  /** Not through the gate, and without retries: what third parties use. */
  readonly container: ContainerClient;
  readonly uri: (name: string) => string;
  stop(): Promise<void>;
}

/** What must stay as it is: the properties and bytes of a base. A lease that ends by itself changes none of them. */
export interface BaseState {
  readonly name: string;
  readonly facts: BlobFacts | undefined;
  readonly bytes: Buffer;
}

/** The places of the writes are so far apart that a push sends each by itself. `grows`: the child is larger than its base. */
export async function writeChain(folder: string, grows: boolean): Promise<Chain> {
  await mkdir(folder, { recursive: true });
  const [size, childSize] = [3 * MIB, grows ? 3 * MIB + 320 * KIB : 3 * MIB];
  const base: Write[] = [
    { offset: 0, data: randomBytes(64 * KIB) },
    { offset: MIB, data: randomBytes(256 * KIB) },
    { offset: 2 * MIB, data: randomBytes(64 * KIB) },
    { offset: size - 512, data: randomBytes(512) },
  ];
  const child: Write[] = [
    { offset: 32 * KIB, data: randomBytes(512) },
    { offset: 400 * KIB, data: randomBytes(8 * KIB) },
    { offset: 760 * KIB, data: randomBytes(32 * KIB) },
    { offset: MIB + 128 * KIB, data: Buffer.alloc(16 * KIB) },
    { offset: MIB + 640 * KIB, data: randomBytes(512) },
    { offset: 2 * MIB + 16 * KIB, data: randomBytes(4 * KIB) },
    { offset: 2 * MIB + 600 * KIB, data: randomBytes(200 * KIB) },
    ...(grows ? [{ offset: childSize - 1024, data: randomBytes(512) }] : []),
  ];
  const grandchild: Write[] = [
    { offset: 8 * KIB, data: randomBytes(512) },
    { offset: 500 * KIB, data: randomBytes(KIB) },
  ];
  const root = await writeImage({
    path: join(folder, 'base.vhd'),
    type: 'dynamic',
    size,
    blockSize: 16 * KIB,
    writes: base,
  });
  const middle = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: childSize,
    blockSize: 16 * KIB,
    parent: root,
    writes: child,
  });
  const top = await writeImage({
    path: join(folder, 'grandchild.vhd'),
    type: 'differencing',
    size: childSize,
    blockSize: 16 * KIB,
    parent: middle,
    writes: grandchild,
  });
  const layers = [
    { size, writes: base },
    { size: childSize, writes: child },
    { size: childSize, writes: grandchild },
  ];
  const sent = pagesIn(child);
  const ofBase = pagesIn(base).filter((page) => !sent.includes(page));
  const touched = new Set([...sent, ...ofBase]);
  return {
    folder,
    base: root.path,
    child: middle.path,
    grandchild: top.path,
    childBlob: Buffer.concat([flatten(layers.slice(0, 2)), await footerOf(middle.path)]),
    grandchildBlob: Buffer.concat([flatten(layers), await footerOf(top.path)]),
    pages: {
      sent,
      copied: ofBase,
      untouched: Array.from({ length: childSize / 512 }, (_, index) => index * 512).filter(
        (page) => !touched.has(page),
      ),
    },
  };
}

/** Copies the files of a chain to another folder: their times are others there. */
export async function copyChain({ folder, child }: Chain, to: string): Promise<string> {
  await cp(folder, to, { recursive: true });
  return join(to, child.slice(folder.length + 1));
}

export async function startWorld(chain: Chain, isEmulator: boolean): Promise<World> {
  // As the service, copies have pages of their own; the emulator stays as a user has it.
  const azurite = await startAzurite({ repair: !isEmulator });
  const gate = await startGate(azurite);
  gate.hidesEmulator = !isEmulator;
  const world: World = {
    chain,
    isEmulator,
    azurite,
    gate,
    container: await containerOf(azurite, 'vhds', { maxTries: 1 }),
    uri: (name) => `${gate.url}/vhds/${name}`,
    stop: async () => {
      await gate.stop();
      await azurite.stop();
    },
  };
  await pushBase(world, 'base');
  return world;
}

/** Pushes the chain's base under a name. */
export async function pushBase({ chain, gate, uri }: World, name: string): Promise<void> {
  await using disk = await openDisk(chain.base);
  await push(disk, {
    to: uri(name),
    environment: gate.env,
    stateFolder: join(chain.folder, '..', 'state'),
    cacheFolder: false,
  });
}

export async function baseStateOf({ container }: World, name: string): Promise<BaseState> {
  const facts = await factsOf(container, name);
  return { name, facts: facts && { ...facts, leaseState: undefined }, bytes: await bytesOf(container, name) };
}

async function footerOf(path: string): Promise<Uint8Array> {
  await using disk = await openDisk(path);
  return fixedFooterOf(disk);
}

function pagesIn(writes: readonly Write[]): number[] {
  return writes.flatMap(({ offset, data }) =>
    Array.from({ length: data.length / 512 }, (_, index) => offset + index * 512),
  );
}
