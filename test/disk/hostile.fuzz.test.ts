import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import t from 'tap';
import { writeImage, type ImageSpec } from '../../fixtures/vhd.js';
import { VhdupError } from '../../src/index.js';
import { checkDiskFrom } from '../../src/disk/check.js';
import type { Disk } from '../../src/disk/disk.js';
import { localFiles, type Files } from '../../src/disk/file.js';
import { errorOf } from '../../src/disk/findings.js';
import { openDiskFrom, type OpenOptions } from '../../src/disk/open.js';
import { temporaryFolder } from '../support/folder.js';
import { MemoryFiles } from '../support/memory-files.js';
import { mutate, Random } from '../support/mutations.js';
import { scaled } from '../support/scale.js';

const CASES = Number(process.env['VHDUP_FUZZ_CASES'] ?? scaled(20_000));
const SEED = Number(process.env['VHDUP_FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const FILE_CASES = 300;
const MAX_BYTES = 80 * 1024 * 1024;
const MAX_CASE_MS = 5000;

const CODES = ['disk-unreadable', 'disk-invalid', 'disk-unsupported', 'chain-broken'];
const UNPRINTABLE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/u;

/** A valid chain: its files, the top first. */
interface Seed {
  readonly top: string;
  readonly files: ReadonlyMap<string, Buffer>;
}

async function seeds(folder: string): Promise<Seed[]> {
  const vms = join(folder, 'vms');
  await mkdir(vms);
  await mkdir(join(folder, 'elsewhere'));
  const data = (fill: number, length = 1024) => Buffer.alloc(length, fill);
  const write = (name: string, spec: Omit<ImageSpec, 'path'>) => writeImage({ path: join(vms, name), ...spec });
  const fixed = await write('fixed.vhd', { type: 'fixed', size: 16384, writes: [{ offset: 0, data: data(0xa1) }] });
  const dynamic = await write('parent.vhd', {
    type: 'dynamic',
    size: 40960 - 512,
    blockSize: 4096,
    writes: [
      { offset: 0, data: data(0xb1) },
      { offset: 12288, data: data(0xb2, 8192) },
      { offset: 39936, data: data(0xb3, 512) },
    ],
    extraTableEntries: 3,
  });
  const middle = await write('middle.vhd', {
    type: 'differencing',
    size: 40960,
    blockSize: 8192,
    parent: dynamic,
    writes: [
      { offset: 512, data: data(0xc1) },
      { offset: 16384, data: data(0xc2, 512) },
    ],
  });
  const top = await write('top.vhd', {
    type: 'differencing',
    size: 36864,
    blockSize: 4096,
    parent: middle,
    writes: [
      { offset: 1024, data: data(0xd1) },
      { offset: 30720, data: data(0xd2) },
    ],
  });
  const overFixed = await write('over-fixed.vhd', {
    type: 'differencing',
    size: 16384,
    blockSize: 16384,
    parent: fixed,
    writes: [{ offset: 4096, data: data(0xe1, 512) }],
  });
  // What an image must not lead to, with the id that it asks for.
  const elsewhere = join(folder, 'elsewhere', 'parent.vhd');
  await writeFile(elsewhere, await readFile(dynamic.path));
  const chains = [[fixed], [dynamic], [dynamic], [middle, dynamic], [top, middle, dynamic], [overFixed, fixed]];
  return Promise.all(
    chains.map(async (chain) => ({
      top: chain[0]?.path ?? '',
      files: new Map(
        await Promise.all(
          [...chain.map(({ path }) => path), elsewhere].map(async (path) => [path, await readFile(path)] as const),
        ),
      ),
    })),
  );
}

interface Case {
  readonly top: string;
  readonly mutated: string;
  readonly bytes: Buffer;
  readonly options: OpenOptions;
  readonly what: string;
}

function makeCase(chains: readonly Seed[], random: Random): { seed: Seed; mutant: Case } {
  const seed = random.pick(chains);
  const paths = [...seed.files.keys()].slice(0, -1);
  const mutated = random.chance(3) ? random.pick(paths) : seed.top;
  let file = Buffer.from(seed.files.get(mutated) ?? Buffer.alloc(0));
  const whats: string[] = [];
  for (let left = random.pick([1, 1, 1, 2, 3]); left > 0 && file.length > 0; left--) {
    const { file: next, what } = mutate(file, random);
    file = Buffer.from(next);
    whats.push(what);
  }
  const options = { ignoreChecksum: random.chance(4), followAbsoluteParents: random.chance(4) };
  return {
    seed,
    mutant: {
      top: seed.top,
      mutated,
      bytes: file,
      options,
      what: `${basename(mutated)}: ${whats.join('; ')}; ${JSON.stringify(options)}`,
    },
  };
}

/** Opens a mutant, reads what opens, checks it, and throws for whatever a reader must not do. */
async function survive(
  { top, options }: Case,
  files: Files,
  { onOpen, onRead }: { onOpen?: () => void; onRead?: () => void } = {},
): Promise<'opened' | 'refused'> {
  const started = performance.now();
  let refused: VhdupError | undefined;
  try {
    await using disk = await openDiskFrom(files, top, options);
    onOpen?.();
    await readAll(disk);
    onRead?.();
  } catch (error) {
    if (!(error instanceof VhdupError)) throw error;
    refused = error;
    if (!CODES.includes(error.code)) throw new Error(`the code ${error.code}`, { cause: error });
    const text = `${error.message}${error.hint ?? ''}`;
    if (text.length >= 4096) throw new Error(`a message of ${text.length} characters`, { cause: error });
    if (UNPRINTABLE.test(text))
      throw new Error(`a message that is not printable: ${JSON.stringify(text)}`, { cause: error });
  }
  const { errors, warnings } = await checkDiskFrom(files, top, options);
  if (errors.length + warnings.length > 1000)
    throw new Error(`${errors.length} errors and ${warnings.length} warnings`);
  const [first] = errors;
  if ((first && errorOf(first).message) !== refused?.message)
    throw new Error(`check says ${first ? errorOf(first).message : 'nothing'}`, { cause: refused });
  if (performance.now() - started > MAX_CASE_MS) throw new Error('it took too long');
  return refused ? 'refused' : 'opened';
}

async function readAll(disk: Disk): Promise<void> {
  const buffer = new Uint8Array(8192);
  let end = 0;
  for await (const { offset, length, kind } of disk.extents()) {
    if (offset !== end || length <= 0) throw new Error(`an extent at ${offset}, expected at ${end}`);
    end += length;
    if (kind !== 'data') continue;
    for (let at = offset; at < end; at += buffer.length)
      await disk.read(at, buffer.subarray(0, Math.min(buffer.length, end - at)));
  }
  if (end !== disk.size) throw new Error(`the extents end at ${end}, the disk at ${disk.size}`);
  const last = buffer.subarray(0, Math.min(buffer.length, disk.size));
  await disk.read(disk.size - last.length, last);
}

/** By the bytes alone: the places of a file that hold blocks, for each footer that it may have been read by. */
function blocksOf(file: Buffer): (readonly [from: number, to: number])[] {
  const blocks: (readonly [number, number])[] = [];
  for (const at of [file.length - 512, file.length - 511, 0]) {
    if (at < 0 || file.toString('latin1', at, at + 8) !== 'conectix') continue;
    const type = file.readUInt32BE(at + 60);
    if (type === 2) blocks.push([0, Number(file.readBigUInt64BE(at + 48))]);
    const header = Number(file.readBigUInt64BE(at + 16));
    if (type === 2 || header + 1024 > file.length) continue;
    const table = Number(file.readBigUInt64BE(header + 16));
    const blockSize = file.readUInt32BE(header + 32);
    const bitmap = Math.ceil(blockSize / 512 / 8 / 512) * 512;
    for (let index = 0; index < file.readUInt32BE(header + 28) && table + index * 4 + 4 <= file.length; index++) {
      const sector = file.readUInt32BE(table + index * 4);
      if (sector !== 0xffffffff) blocks.push([sector * 512, sector * 512 + bitmap + blockSize]);
    }
  }
  return blocks;
}

/** Every read that was noted is of a block that its file names. */
function checkReads(files: MemoryFiles): void {
  const blocks = new Map<string, ReturnType<typeof blocksOf>>();
  for (const { path, position, length } of files.reads) {
    const own = blocks.get(path) ?? blocksOf(Buffer.from(files.content(path)));
    blocks.set(path, own);
    if (!own.some(([start, end]) => position >= start && position + length <= end))
      throw new Error(`${length} bytes at ${position} of ${path} are in no block`);
  }
}

t.test(
  `${CASES} spoilt images in memory: each opens and reads, or is refused with one clear error, and check agrees`,
  { timeout: 600_000 },
  async (t) => {
    t.comment(`VHDUP_FUZZ_SEED=${SEED} VHDUP_FUZZ_CASES=${CASES}`);
    const chains = await seeds(await temporaryFolder(t));
    const outcomes = { opened: 0, refused: 0 };
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let index = 0; index < CASES; index++) {
      const { seed, mutant } = makeCase(chains, new Random(SEED + Math.imul(index, 0x9e3779b1)));
      const files = new MemoryFiles([...seed.files, [mutant.mutated, mutant.bytes]]);
      try {
        const tree = `${resolve(dirname(mutant.top))}${sep}`;
        const outcome = await survive(mutant, files, {
          onOpen: () => {
            files.reads.length = 0;
          },
          onRead: () => {
            checkReads(files);
          },
        });
        outcomes[outcome]++;
        if (files.unclosed !== 0) throw new Error(`${files.unclosed} files were not closed`);
        const astray = files.opened.find((path) => !path.startsWith(tree));
        if (astray !== undefined && !mutant.options.followAbsoluteParents) throw new Error(`${astray} was opened`);
        if (files.reads.some(({ length }) => length > MAX_BYTES)) throw new Error('a huge read');
      } catch (error) {
        throw new Error(`case ${index} of VHDUP_FUZZ_SEED=${SEED}: ${mutant.what}`, { cause: error });
      }
      if (index % 200 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    t.comment(
      `${outcomes.opened} opened, ${outcomes.refused} refused, at most ${Math.round(most / 1024 / 1024)} MiB of buffers`,
    );
    t.ok(most < MAX_BYTES, 'memory is bounded');
    t.ok(outcomes.opened > CASES / 20 && outcomes.refused > CASES / 20, 'both outcomes are tried');
  },
);

t.test(`${FILE_CASES} spoilt images as files`, async (t) => {
  t.comment(`VHDUP_FUZZ_SEED=${SEED}`);
  const chains = await seeds(await temporaryFolder(t));
  for (let index = 0; index < FILE_CASES; index++) {
    const { seed, mutant } = makeCase(chains, new Random(SEED + Math.imul(index, 0x9e3779b1)));
    await writeFile(mutant.mutated, mutant.bytes);
    try {
      await survive(mutant, localFiles);
    } catch (error) {
      throw new Error(`case ${index} of VHDUP_FUZZ_SEED=${SEED}: ${mutant.what}`, { cause: error });
    }
    await writeFile(mutant.mutated, seed.files.get(mutant.mutated) ?? '');
  }
  t.pass();
});
