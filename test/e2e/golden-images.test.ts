import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { codeLinesOf, textOf } from '../docs/markdown.js';
import { startAzurite } from '../support/azurite.js';
import { bytesOf, containerOf, factsOf } from '../support/blobs.js';
import { startCli } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';
import { startGate } from '../support/gate.js';
import { qemuImg, withoutQemuImg } from '../support/qemu-img.js';
import { changedLeaves } from '../support/rebuilt.js';

/** docs/GOLDEN-IMAGES.md, followed to the letter. */

const MIB = 1024 * 1024;
const LEAF = 64 * 1024;
const SIZE = 64 * MIB;
/** Of the job in CI. */
const RUN_ID = 8_421;
const ACCOUNT = 'https://myaccount.blob.core.windows.net';

/** The base of each version: what it has the most in common with, or what the page names. */
const BASES: Readonly<Record<string, RegExp>> = {
  'golden-2.vhd': /\/golden-1\.vhd$/,
  'golden-3.vhd': /\/golden-2\.vhd$/,
  'golden-4.vhd': /\/golden-1\.vhd$/,
};

type Json = Record<string, unknown>;

/** The commands of the page in their order, as words. */
async function commandsOfPage(): Promise<readonly (readonly string[])[]> {
  return codeLinesOf(await textOf('docs/GOLDEN-IMAGES.md'), ['sh', 'yaml'])
    .map((line) => /^\s*((?:vhdup|qemu-img) [^|>#]*)/.exec(line)?.[1])
    .filter((line) => line !== undefined)
    .map((line) => [...line.matchAll(/(?:"[^"]*"|[^\s"])+/g)].map(([word]) => word.replace(/"/g, '')));
}

/** What the builder makes, one content after the other: each is rebuilt, with changes that are at least a MiB apart. */
function builds(): readonly [Buffer, ...Buffer[]] {
  const first = Buffer.alloc(SIZE);
  // A partition table, so that it counts as a disk.
  first.set([0, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0xf0, 1, 0], 446);
  first.set([0x55, 0xaa], 510);
  randomBytes(40 * MIB).copy(first, MIB);
  const rebuilt = (before: Buffer, at: number): Buffer => {
    const after = Buffer.from(before);
    for (const place of [at, at + 3, at + 50]) randomBytes(LEAF).copy(after, place * MIB);
    // Another place, and no longer there.
    before.copy(after, (at + 6) * MIB, (at + 20) * MIB, (at + 20) * MIB + LEAF);
    after.fill(0, (at + 8) * MIB, (at + 8) * MIB + LEAF);
    return after;
  };
  const second = rebuilt(first, 2);
  const third = rebuilt(second, 3);
  return [first, second, third, rebuilt(third, 4), rebuilt(third, 5), rebuilt(third, 6)];
}

async function scene(t: Test) {
  const folder = await temporaryFolder(t);
  const azurite = await startAzurite();
  const gate = await startGate(azurite, { copiesRanges: true });
  t.teardown(async () => {
    await gate.stop();
    await azurite.stop();
  });
  gate.hidesEmulator = true;
  const container = await containerOf(azurite, 'vhds');
  let machines = 0;
  /** Runs a command as the page has it, in a folder of its own user: nothing is left of the commands before. */
  const follow = async (words: readonly string[], run: number): Promise<Json> => {
    const [program, ...args] = words;
    if (program === 'qemu-img') {
      qemuImg(folder, ...args);
      return {};
    }
    const home = join(folder, `machine-${++machines}`);
    const env = {
      ...gate.env,
      HOME: home,
      VHDUP_STATE_DIR: join(home, 'state'),
      VHDUP_CACHE_DIR: join(home, 'cache'),
    };
    await mkdir(env.VHDUP_STATE_DIR, { recursive: true, mode: 0o700 });
    const real = args
      .map((word) => word.replace(ACCOUNT, gate.url).replace('$GITHUB_RUN_ID', String(run)))
      .filter((word) => word !== '--json');
    const { exitCode, stdout, stderr } = await startCli([...real, '--json'], env, ['env', '-C', folder]).ended;
    t.equal(exitCode, 0, `${words.join(' ')}\n${stdout}${stderr}`);
    return JSON.parse(stdout) as Json;
  };
  return { folder, gate, container, follow };
}

t.test(
  'the page on golden images: each command does what the page says, on a machine that knows nothing of the builds before',
  { skip: withoutQemuImg },
  async (t) => {
    const { folder, gate, container, follow } = await scene(t);
    await mkdir(join(folder, 'output'));
    const contents = builds();
    /** Of the blobs that are there, in their order. */
    const pushed: { name: string; content: Buffer }[] = [];
    let content = contents[0];
    let isLeaf = false;
    for (const words of await commandsOfPage()) {
      const [, command] = words;
      const { length } = pushed;
      content = contents[Math.min(length, contents.length - 1)] ?? content;
      if (words[0] === 'qemu-img') {
        await writeFile(join(folder, 'output/golden.raw'), content);
        await follow(words, RUN_ID);
        continue;
      }
      if (command === 'push') {
        await writeFile(join(folder, 'output/golden.raw'), content);
        // Versions for which the page does not repeat how the image is made.
        const image = words[2] ?? '';
        if (image.endsWith('.qcow2'))
          qemuImg(folder, 'convert', '-f', 'raw', '-O', 'qcow2', 'output/golden.raw', image);
      }
      if (command === 'leaves') await container.getBlobClient('golden-1.vhd.vhdup-leaves').delete();
      const facts = await Promise.all(pushed.map(({ name }) => factsOf(container, name)));
      gate.records = [];
      const result = await follow(words, RUN_ID);
      const writes = gate.records.filter(({ kind, status }) => kind === 'put-page' && status === 201);
      t.same(
        (await Promise.all(pushed.map(({ name }) => factsOf(container, name)))).map(withoutLease),
        facts.map(withoutLease),
        `${words.join(' ')}: what was there is as it was`,
      );
      if (command === 'leaves') {
        isLeaf = true;
        t.match(result, { outcome: 'made', checkedBy: 'tree' });
        t.ok(await container.getBlobClient('golden-1.vhd.vhdup-leaves').exists());
      }
      if (command === 'seal') t.match(result, { seal: { kind: 'lease' } });
      if (command === 'verify') t.match(result, { equal: true });
      if (command === 'images')
        t.match(result, { images: [{ image: 'golden', versions: [{ version: '3' }, { version: '2' }, {}] }] });
      if (command !== 'push') continue;
      const previous = baseOf(pushed, result);
      if (words.includes('--dry-run')) {
        const changed = changedLeaves(previous?.content ?? Buffer.alloc(0), content).length * LEAF;
        const { leaves } = result as { leaves: Record<string, number> };
        t.equal((leaves['changed'] ?? 0) + (leaves['moved'] ?? 0) + (leaves['zero'] ?? 0), changed);
        t.match(leaves, { moved: LEAF, changed: 3 * LEAF, zero: LEAF });
        t.equal(writes.length, 0, 'nothing is sent');
        t.notOk(await container.getBlobClient('golden-2.vhd').exists());
        continue;
      }
      const name = String(result['blob']).split('/').at(-1) ?? '';
      t.match(result, { outcome: 'pushed', image: 'golden', imageVersion: String(length + 1) });
      t.ok((await bytesOf(container, name)).subarray(0, -512).equals(content), `${name} is the disk, byte for byte`);
      if (length > 0) {
        t.match(result, { base: { check: 'leaves' } });
        const isChanged = new Set(changedLeaves(previous?.content ?? Buffer.alloc(0), content));
        for (const { range = { offset: -1, length: 0 } } of writes) {
          const at = Math.floor(range.offset / LEAF) * LEAF;
          t.ok(isChanged.has(at) || range.offset === SIZE, `${name}: ${range.offset} is in a leaf that was changed`);
          t.ok(range.offset + range.length <= at + LEAF, `${name}: and no byte more is sent`);
        }
        t.ok(
          (result['sent'] as number) <= isChanged.size * LEAF + 512,
          `${name}: ${String(result['sent'])} bytes sent`,
        );
        t.match(result, { base: { blob: BASES[name] ?? /\/golden-3\.vhd$/ } });
      }
      pushed.push({ name, content });
    }
    t.ok(isLeaf, 'vhdup leaves was run');
    t.equal(pushed.length, 6, 'all versions of the page were pushed');
    for (const { name, content: expected } of pushed)
      t.ok((await bytesOf(container, name)).subarray(0, -512).equals(expected), `${name} is still as it was pushed`);
  },
);

/** Returns the version that is the base of a result. */
function baseOf(
  pushed: readonly { name: string; content: Buffer }[],
  { base }: Json,
): (typeof pushed)[number] | undefined {
  const name = (base as { blob?: string } | undefined)?.blob?.split('/').at(-1);
  return pushed.find((each) => each.name === name);
}

/** The lease that a push leaves ends by itself. */
function withoutLease(facts: object | undefined): object {
  return { ...facts, leaseState: undefined };
}
