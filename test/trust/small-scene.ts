import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import type { Test } from 'tap';
import { VhdupError, openDisk, push, type PushOptions, type PushResult } from '../../src/index.js';
import { flatten, writeImage, type Write } from '../../fixtures/vhd.js';
import { startAzurite, type AzuriteHere } from '../support/azurite.js';
import { bytesOf, containerOf, endBreak, factsOf, type BlobFacts } from '../support/blobs.js';
import { temporaryFolder } from '../support/folder.js';
import { startGate, type Gate } from '../support/gate.js';

const KIB = 1024;

/** A small child over a base that is already there, and a push of it through a gate, to any name. */
export interface SmallScene {
  readonly folder: string;
  readonly azurite: AzuriteHere;
  readonly gate: Gate;
  /** Not through the gate. */
  readonly container: ContainerClient;
  readonly child: string;
  readonly basePath: string;
  readonly content: Buffer;
  readonly baseContent: Buffer;
  readonly uri: (name: string) => string;
  readonly pushed: (name: string, more?: PushOptions) => Promise<PushResult>;
  /** The code of the error that a push ends with, or `none`; fails the test where the error is not a clear one. */
  readonly endOf: (push: Promise<PushResult>, what: string) => Promise<string>;
  /** The whole child, complete, with nothing of the way there left on it. */
  readonly assertPushed: (name: string, what?: string) => Promise<void>;
  /** Whatever stands there: a footer, a Content-MD5 and `complete` only on what they are true of. */
  readonly assertHonest: (name: string, what: string) => Promise<void>;
  readonly assertBaseIntact: () => Promise<void>;
}

export interface SmallSceneOptions {
  readonly emulator?: boolean;
  /** `localhost` for faults of names. */
  readonly host?: 'localhost';
}

/** The child is larger than its base, has blocks of its own, and zeros where the base has data. Its blocks are small, so a push takes many requests. */
export async function smallScene(t: Test, { emulator = false, host }: SmallSceneOptions = {}): Promise<SmallScene> {
  const folder = await temporaryFolder(t);
  const azurite = await startAzurite({ repair: !emulator });
  t.teardown(() => azurite.stop());
  const gate = await startGate(azurite, host === undefined ? {} : { host });
  t.teardown(() => gate.stop());
  gate.hidesEmulator = !emulator;
  const container = await containerOf(azurite, 'vhds');
  const base: Write[] = [
    { offset: 0, data: randomBytes(64 * KIB) },
    { offset: 128 * KIB, data: randomBytes(64 * KIB) },
  ];
  const own: Write[] = [
    { offset: 8 * KIB, data: randomBytes(512) },
    { offset: 136 * KIB, data: Buffer.alloc(8 * KIB) },
    { offset: 160 * KIB, data: randomBytes(4 * KIB) },
    { offset: 240 * KIB, data: randomBytes(16 * KIB) },
  ];
  const [size, childSize] = [192 * KIB, 256 * KIB];
  const root = await writeImage({
    path: join(folder, 'base.vhd'),
    type: 'dynamic',
    size,
    blockSize: 16 * KIB,
    writes: base,
  });
  const { path: child } = await writeImage({
    path: join(folder, 'child.vhd'),
    type: 'differencing',
    size: childSize,
    blockSize: 4 * KIB,
    parent: root,
    writes: own,
  });
  const content = flatten([
    { size, writes: base },
    { size: childSize, writes: own },
  ]);
  const baseContent = flatten([{ size, writes: base }]);

  const uri = (name: string) => `${gate.url}/vhds/${name}`;
  const options: PushOptions = {
    environment: gate.env,
    stateFolder: join(folder, 'state'),
    cacheFolder: false,
    concurrency: 2,
    gap: 1024,
    retry: { attempts: 4, firstDelayMs: 1, maxDelayMs: 4, deadlineMs: 2000 },
  };
  const pushedFrom = async (path: string, more: PushOptions) => {
    await using disk = await openDisk(path);
    const result = await push(disk, { ...options, ...more });
    await endBreak(container, decodeURIComponent(new URL(result.blob).pathname.split('/').at(-1) ?? ''));
    return result;
  };
  await pushedFrom(root.path, { to: uri('base') });
  const before = await factsOf(container, 'base');
  const baseBytes = await bytesOf(container, 'base');
  gate.records = [];

  return {
    folder,
    azurite,
    gate,
    container,
    child,
    basePath: root.path,
    content,
    baseContent,
    uri,
    pushed: (name, more = {}) => pushedFrom(child, { base: uri('base'), to: uri(name), ...more }),
    endOf: async (run, what) => {
      const error: unknown = await run.then(
        () => undefined,
        (error: unknown) => error,
      );
      if (error === undefined) return 'none';
      t.ok(error instanceof VhdupError && error.code !== 'unexpected', `${what}: ${String(error)}`);
      return error instanceof VhdupError ? error.code : 'unknown';
    },
    assertPushed: async (name, what = name) => {
      const bytes = await bytesOf(container, name);
      const facts = await factsOf(container, name);
      const isRight =
        bytes.subarray(0, -512).equals(content) &&
        facts?.contentMd5 === md5(bytes) &&
        facts.metadata['vhdup_state'] === 'complete';
      t.ok(isRight, `${what}: equal bytes, complete`);
    },
    assertHonest: async (name, what) => {
      const lies = liesOf(await factsOf(container, name), async () => bytesOf(container, name), content, baseContent);
      t.strictSame(await lies, [], what);
    },
    assertBaseIntact: async () => {
      t.strictSame(await factsOf(container, 'base'), before, 'the base is as it was, ETag included');
      t.ok((await bytesOf(container, 'base')).equals(baseBytes), 'and byte for byte');
    },
  };
}

async function liesOf(
  facts: BlobFacts | undefined,
  read: () => Promise<Buffer>,
  content: Buffer,
  baseContent: Buffer,
): Promise<string[]> {
  if (!facts || facts.size === 0) return facts?.contentMd5 ? ['a Content-MD5 on nothing'] : [];
  const bytes = await read();
  const disk = bytes.subarray(0, -512);
  const isChild = disk.equals(content);
  const isBase = facts.metadata['vhdup_state'] === 'clearing' && disk.equals(baseContent);
  const lies: string[] = [];
  if (bytes.subarray(-512, -504).toString('latin1') === 'conectix' && !isChild && !isBase)
    lies.push('a footer on other content');
  if (facts.contentMd5 && facts.contentMd5 !== md5(bytes)) lies.push('a Content-MD5 of other bytes');
  if (facts.metadata['vhdup_state'] === 'complete' && !(isChild && facts.contentMd5))
    lies.push('complete on other content');
  return lies;
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('base64');
}
