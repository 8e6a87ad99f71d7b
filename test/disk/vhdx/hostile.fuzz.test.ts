import { dirname, sep } from 'node:path';
import t from 'tap';
import { checkDiskFrom } from '../../../src/disk/check.js';
import type { Disk } from '../../../src/disk/disk.js';
import { errorOf } from '../../../src/disk/findings.js';
import { openDiskFrom } from '../../../src/disk/open.js';
import { VhdupError } from '../../../src/index.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { Random } from '../../support/mutations.js';
import { scaled } from '../../support/scale.js';
import { vhdxFile, type VhdxFile } from '../../support/vhdx-files.js';
import { mutateVhdx, repair } from '../../support/vhdx-mutations.js';

const MIB = 2 ** 20;
const CASES = Number(process.env['VHDUP_FUZZ_CASES'] ?? scaled(2000));
const SEED = Number(process.env['VHDUP_FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const MAX_CASE_MS = 2000;
const MAX_BUFFERS = 300 * MIB;
/** More of a disk that claims to be huge is not read. */
const MAX_READ = 12 * MIB;
const CODES = ['disk-unreadable', 'disk-invalid', 'disk-unsupported', 'chain-broken'];
const PARENT = '/vms/tree/parent.vhdx';
const CHILD = '/vms/tree/child.vhdx';
const ELSEWHERE = '/vms/elsewhere/parent.vhdx';

interface Seed {
  readonly top: string;
  readonly files: ReadonlyMap<string, VhdxFile>;
}

function seeds(): Seed[] {
  const parent = vhdxFile({ operations: [{ kind: 'write', offset: 0, data: Buffer.alloc(8192, 0xb1) }] });
  const child = vhdxFile({
    type: 'differencing',
    operations: [
      { kind: 'write', offset: 4096, data: Buffer.alloc(1024, 0xc1) },
      { kind: 'zero', offset: 2 * MIB, length: MIB },
    ],
    parent: { linkage: parent.dataWriteGuid, relativePath: 'parent.vhdx' },
    garbageBitmapEntries: true,
  });
  const logged = vhdxFile({
    type: 'differencing',
    operations: [{ kind: 'write', offset: MIB, data: Buffer.alloc(512, 0xd1) }],
    parent: { linkage: parent.dataWriteGuid, absoluteWin32Path: 'C:\\vms\\parent.vhdx' },
    log: {
      entries: ({ bat, metadata }) => [
        { items: [{ offset: bat, length: 4096, content: 'data' }] },
        { items: [{ offset: metadata, length: 131072, content: 'final' }] },
      ],
    },
  });
  const others = [
    [PARENT, parent],
    [ELSEWHERE, parent],
  ] as const;
  return [
    { top: PARENT, files: new Map(others) },
    ...[child, logged].map((top) => ({ top: CHILD, files: new Map([[CHILD, top] as const, ...others]) })),
  ];
}

/** Opens a mutant, reads what opens, and throws for whatever a reader must not do. */
async function survive(files: MemoryFiles, top: string): Promise<'opened' | 'refused'> {
  const started = performance.now();
  let refused: VhdupError | undefined;
  try {
    await using disk = await openDiskFrom(files, top);
    await readAll(disk);
  } catch (error) {
    if (!(error instanceof VhdupError)) throw error;
    if (!CODES.includes(error.code)) throw new Error(`the code ${error.code}`, { cause: error });
    refused = error;
  }
  const { errors, warnings } = await checkDiskFrom(files, top);
  if (errors.length + warnings.length > 1000) throw new Error('too many problems');
  const [first] = errors;
  if ((first && errorOf(first).message) !== refused?.message)
    throw new Error(`check says ${first ? errorOf(first).message : 'nothing'}`, { cause: refused });
  if (performance.now() - started > MAX_CASE_MS) throw new Error('it took too long');
  if (files.unclosed !== 0) throw new Error(`${files.unclosed} files were not closed`);
  const astray = files.opened.find((path) => !path.startsWith(`${dirname(top)}${sep}`));
  if (astray !== undefined) throw new Error(`${astray} was opened`);
  return refused ? 'refused' : 'opened';
}

async function readAll(disk: Disk): Promise<void> {
  const buffer = Buffer.alloc(64 * 1024);
  let end = 0;
  let left = MAX_READ;
  for await (const { offset, length, kind } of disk.extents()) {
    if (offset !== end || length <= 0) throw new Error(`an extent at ${offset}, expected at ${end}`);
    end += length;
    for (let at = offset; kind === 'data' && at < end && left > 0; at += buffer.length) {
      await disk.read(at, buffer.subarray(0, Math.min(buffer.length, end - at)));
      left -= buffer.length;
    }
  }
  if (end !== disk.size) throw new Error(`the extents end at ${end}, the disk at ${disk.size}`);
}

t.test(
  `${CASES} spoilt VHDX images: each opens and reads, or is refused with one clear error, and check agrees`,
  { timeout: 600_000 },
  async (t) => {
    t.comment(`VHDUP_FUZZ_SEED=${SEED} VHDUP_FUZZ_CASES=${CASES}`);
    const chains = seeds();
    const outcomes = { opened: 0, refused: 0 };
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let index = 0; index < CASES; index++) {
      const random = new Random(SEED + Math.imul(index, 0x9e3779b1));
      const { top, files } = random.pick(chains);
      const mutated = random.chance(4) ? PARENT : top;
      const original = files.get(mutated);
      if (!original) throw new RangeError('a chain has its files');
      let bytes = Buffer.from(original.bytes);
      const whats: string[] = [];
      for (let left = random.pick([1, 1, 1, 2, 3]); left > 0 && bytes.length > MIB; left--) {
        const next = mutateVhdx(bytes, original.places, random);
        bytes = Buffer.from(next.bytes);
        whats.push(next.what);
      }
      if (!random.chance(4)) repair(bytes, original.places);
      const contents = new Map([...files].map(([path, file]) => [path, file.bytes] as const)).set(mutated, bytes);
      try {
        outcomes[await survive(new MemoryFiles(contents), top)]++;
      } catch (error) {
        throw new Error(`case ${index} of VHDUP_FUZZ_SEED=${SEED}: ${mutated}: ${whats.join('; ')}`, { cause: error });
      }
      if (index % 50 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    t.comment(
      `${outcomes.opened} opened, ${outcomes.refused} refused, at most ${Math.round(most / MIB)} MiB of buffers`,
    );
    t.ok(most < MAX_BUFFERS, 'memory is bounded');
    t.ok(outcomes.opened > CASES / 20 && outcomes.refused > CASES / 20, 'both outcomes are tried');
  },
);
