import { dirname, join, resolve, sep } from 'node:path';
import t from 'tap';
import { makeQcow2, type Qcow2Places, type Qcow2Spec } from '../../../fixtures/qcow2.js';
import { VhdupError } from '../../../src/index.js';
import { checkDiskFrom } from '../../../src/disk/check.js';
import type { Disk } from '../../../src/disk/disk.js';
import { errorOf } from '../../../src/disk/findings.js';
import { openDiskFrom, type OpenOptions } from '../../../src/disk/open.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { Random } from '../../support/mutations.js';
import { mutateQcow2 } from '../../support/qcow2-mutations.js';
import { scaled } from '../../support/scale.js';

const CASES = Number(process.env['VHDUP_FUZZ_CASES'] ?? scaled(4000));
const SEED = Number(process.env['VHDUP_FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const MAX_BYTES = 80 * 1024 * 1024;
const MAX_CASE_MS = 2000;
/** Bytes of an extent that are read at each of its ends: an image of a few KiB may have an extent of GiB. */
const READ_BYTES = 256 * 1024;

const CODES = ['disk-unreadable', 'disk-invalid', 'disk-unsupported', 'chain-broken'];
const UNPRINTABLE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/u;
const FOLDER = resolve('/folder/vms');

/** A valid image with the files that it needs. */
interface Seed {
  readonly top: string;
  readonly files: ReadonlyMap<string, Buffer>;
  /** Of the images that are QCOW2. */
  readonly places: ReadonlyMap<string, Qcow2Places>;
}

function seedOf(...specs: readonly Omit<Qcow2Spec, 'path'>[]): Seed {
  const files = new Map<string, Buffer>([
    [join(FOLDER, 'base.img'), Buffer.alloc(40_000, 0x77)],
    [resolve(FOLDER, '..', 'elsewhere', 'parent.vhd'), Buffer.alloc(4096)],
    ['/etc/passwd', Buffer.alloc(4096)],
  ]);
  const places = new Map<string, Qcow2Places>();
  for (const [index, spec] of specs.entries()) {
    const path = join(FOLDER, `${index}.qcow2`);
    const image = makeQcow2({ ...spec, path });
    files.set(path, image.bytes);
    places.set(path, image.places);
    if (image.dataFile && spec.dataFile) files.set(join(FOLDER, spec.dataFile.name), image.dataFile);
  }
  return { top: join(FOLDER, '0.qcow2'), files, places };
}

function seeds(): Seed[] {
  const data = (length: number, fill = 0xa1) => Buffer.alloc(length, fill);
  const base: Omit<Qcow2Spec, 'path'> = {
    size: 64_000,
    clusterBits: 12,
    operations: [
      { kind: 'write', offset: 0, data: data(9000) },
      { kind: 'compressed', offset: 12_288, data: data(12_288, 0xb2) },
      { kind: 'zero', offset: 32_768, length: 8192, allocated: true },
    ],
  };
  const raw = { backing: { name: 'base.img', format: 'raw' } };
  const snapshots = [
    { id: '1', name: 'one', after: 1, vmStateSize: 5000 },
    { id: '2', name: 'two', after: 2 },
  ];
  const extended: Omit<Qcow2Spec, 'path'> = {
    size: 100_000,
    clusterBits: 14,
    extendedL2: true,
    operations: [
      { kind: 'write', offset: 512, data: data(9000) },
      { kind: 'zero', offset: 20_480, length: 2048 },
    ],
  };
  return [
    seedOf(base),
    seedOf({ ...base, clusterBits: 9, compression: 'zstd', snapshots }),
    seedOf({ ...base, snapshots, endsInsideSector: true }),
    seedOf({ ...base, version: 2, ...raw }),
    seedOf({ ...extended, ...raw }),
    seedOf({ ...extended, dataFile: { name: 'data.bin' } }),
    seedOf(
      { ...base, backing: { name: '1.qcow2', format: 'qcow2' } },
      { ...extended, backing: { name: '2.qcow2' } },
      { ...base, clusterBits: 11 },
    ),
  ];
}

interface Case {
  readonly seed: Seed;
  readonly mutated: string;
  readonly bytes: Buffer;
  readonly options: OpenOptions;
  readonly what: string;
}

function makeCase(all: readonly Seed[], random: Random): Case {
  const seed = random.pick(all);
  const mutated = random.chance(3) ? random.pick([...seed.places.keys()]) : seed.top;
  const places = seed.places.get(mutated);
  let bytes = Buffer.from(seed.files.get(mutated) ?? Buffer.alloc(0));
  const whats: string[] = [];
  for (let left = random.pick([1, 1, 1, 2, 3]); left > 0 && bytes.length > 512 && places; left--) {
    const { file, what } = mutateQcow2(bytes, places, random);
    bytes = Buffer.from(file);
    whats.push(what);
  }
  const options = {
    followAbsoluteParents: random.chance(8),
    ...(random.chance(3) ? { snapshot: random.pick(['1', 'two', 'none']) } : {}),
  };
  return { seed, mutated, bytes, options, what: `${mutated}: ${whats.join('; ')}; ${JSON.stringify(options)}` };
}

/** Throws unless an error is one that a reader may throw. */
function expected(error: unknown): VhdupError {
  if (!(error instanceof VhdupError)) throw error;
  if (!CODES.includes(error.code)) throw new Error(`the code ${error.code}`, { cause: error });
  const text = `${error.message}${error.hint ?? ''}`;
  if (text.length >= 4096) throw new Error(`a message of ${text.length} characters`, { cause: error });
  if (UNPRINTABLE.test(text)) throw new Error(`not printable: ${JSON.stringify(text)}`, { cause: error });
  return error;
}

/** Opens a mutant, reads what opens, checks it, and throws for whatever a reader must not do. */
async function survive({ seed: { top }, options }: Case, files: MemoryFiles): Promise<'opened' | 'refused'> {
  const started = performance.now();
  let refused: VhdupError | undefined;
  try {
    await using disk = await openDiskFrom(files, top, options);
    await readAll(disk).catch(expected);
    await disk.sourceFiles();
  } catch (error) {
    refused = expected(error);
  }
  const { errors } = await checkDiskFrom(files, top, options);
  if (errors.length > 1000) throw new Error(`${errors.length} errors`);
  const [first] = errors;
  if ((first && errorOf(first).message) !== refused?.message)
    throw new Error(`check says ${first ? errorOf(first).message : 'nothing'}`, { cause: refused });
  if (performance.now() - started > MAX_CASE_MS) throw new Error('it took too long');
  return refused ? 'refused' : 'opened';
}

async function readAll(disk: Disk): Promise<void> {
  let end = 0;
  for await (const { offset, length, kind } of disk.extents()) {
    if (offset !== end || length <= 0) throw new Error(`an extent at ${offset}, expected at ${end}`);
    end += length;
    if (kind !== 'data') continue;
    const part = Buffer.alloc(Math.min(READ_BYTES, length));
    await disk.read(offset, part);
    await disk.read(end - part.length, part);
  }
  if (end !== disk.size) throw new Error(`the extents end at ${end}, the disk at ${disk.size}`);
}

t.test(
  `${CASES} spoilt QCOW2 images: each opens and reads, or is refused with one clear error, and check agrees`,
  { timeout: 600_000 },
  async (t) => {
    t.comment(`VHDUP_FUZZ_SEED=${SEED} VHDUP_FUZZ_CASES=${CASES}`);
    const all = seeds();
    const outcomes = { opened: 0, refused: 0 };
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let index = 0; index < CASES; index++) {
      const mutant = makeCase(all, new Random(SEED + Math.imul(index, 0x9e3779b1)));
      const files = new MemoryFiles([...mutant.seed.files, [mutant.mutated, mutant.bytes]]);
      try {
        outcomes[await survive(mutant, files)]++;
        if (files.unclosed !== 0) throw new Error(`${files.unclosed} files were not closed`);
        const tree = `${dirname(mutant.seed.top)}${sep}`;
        const astray = files.opened.find((path) => !path.startsWith(tree));
        if (astray !== undefined && !mutant.options.followAbsoluteParents) throw new Error(`${astray} was opened`);
        if (files.reads.some(({ length }) => length > MAX_BYTES)) throw new Error('a huge read');
      } catch (error) {
        throw new Error(`case ${index} of VHDUP_FUZZ_SEED=${SEED}: ${mutant.what}`, { cause: error });
      }
      if (index % 100 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    t.comment(`${outcomes.opened} opened, ${outcomes.refused} refused, ${Math.round(most / 2 ** 20)} MiB of buffers`);
    t.ok(most < MAX_BYTES, 'memory is bounded');
    t.ok(outcomes.opened > CASES / 20 && outcomes.refused > CASES / 20, 'both outcomes are tried');
  },
);
