import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { recogniseContent } from '../../../src/disk/raw/content.js';
import { temporaryFolder } from '../../support/folder.js';

const MIB = 1024 * 1024;
const HEAD = 68 * 1024;

type Part = readonly [at: number, bytes: string | readonly number[]];

/** The head of a disk, zero but for some parts. */
function headWith(...parts: readonly Part[]): Buffer {
  const head = Buffer.alloc(HEAD);
  for (const [at, bytes] of parts)
    (typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes)).copy(head, at);
  return head;
}

const uint32 = (value: number): number[] => [...Buffer.from(Uint32Array.of(value).buffer)];
const SIGNATURE: Part = [510, [0x55, 0xaa]];

/** Content, as the specifications lay it out, and what is recognised: name, end, bytes of a sector. */
const TABLE: readonly (readonly [what: string, head: Buffer, expected: readonly object[]])[] = [
  [
    'an MBR with two partitions',
    headWith(
      SIGNATURE,
      [446, [0x80, 0, 0, 0, 7, 0, 0, 0, ...uint32(2048), ...uint32(2048)]],
      [462, [0, 0, 0, 0, 0x83, 0, 0, 0, ...uint32(4096), ...uint32(1000)]],
    ),
    [{ name: 'MBR', end: 5096 * 512 }],
  ],
  ['an MBR without partitions', headWith(SIGNATURE), [{ name: 'MBR', end: undefined }]],
  [
    'a GPT behind its protective MBR',
    headWith(SIGNATURE, [450, [0xee]], [458, uint32(2 ** 32 - 1)], [512, 'EFI PART'], [544, uint32(8191)]),
    [
      { name: 'GPT', end: 8192 * 512, sectorSize: 512 },
      { name: 'MBR', end: undefined },
    ],
  ],
  [
    'a GPT with sectors of 4,096 bytes',
    headWith([4096, 'EFI PART'], [4128, uint32(1023)]),
    [{ name: 'GPT', end: 1024 * 4096, sectorSize: 4096 }],
  ],
  ['ext4', headWith([1028, uint32(4096)], [1048, uint32(2)], [1080, [0x53, 0xef]]), [{ name: 'ext', end: 16 * MIB }]],
  [
    'ext4 with more than 2^32 blocks',
    headWith([1048, uint32(2)], [1080, [0x53, 0xef]], [1120, uint32(0x80)], [1360, uint32(1)]),
    [{ name: 'ext', end: 2 ** 44 }],
  ],
  [
    'ext4 with a block size that is no size',
    headWith([1028, uint32(1)], [1048, uint32(2 ** 32 - 1)], [1080, [0x53, 0xef]]),
    [{ name: 'ext', end: undefined }],
  ],
  [
    'NTFS',
    headWith(SIGNATURE, [3, 'NTFS    '], [11, [0, 2]], [40, uint32(2047)]),
    [
      { name: 'NTFS', end: 2047 * 512 },
      { name: 'MBR', end: undefined },
    ],
  ],
  [
    'exFAT',
    headWith(SIGNATURE, [3, 'EXFAT   '], [72, uint32(2048)], [108, [9]]),
    [
      { name: 'exFAT', end: MIB },
      { name: 'MBR', end: undefined },
    ],
  ],
  [
    'FAT16',
    headWith(SIGNATURE, [11, [0, 2]], [19, [0, 8]], [54, 'FAT16   ']),
    [
      { name: 'FAT', end: MIB },
      { name: 'MBR', end: undefined },
    ],
  ],
  [
    'FAT32',
    headWith(SIGNATURE, [11, [0, 2]], [32, uint32(8192)], [82, 'FAT32   ']),
    [
      { name: 'FAT', end: 4 * MIB },
      { name: 'MBR', end: undefined },
    ],
  ],
  ['XFS', headWith([0, 'XFSB'], [4, [0, 0, 0x10, 0]], [8, [0, 0, 0, 0, 0, 0, 1, 0]]), [{ name: 'XFS', end: MIB }]],
  ['btrfs', headWith([0x10040, '_BHRfS_M']), [{ name: 'btrfs', end: undefined }]],
  ['swap', headWith([4086, 'SWAPSPACE2']), [{ name: 'swap', end: undefined }]],
  ['swap with pages of 64 KiB', headWith([65526, 'SWAPSPACE2']), [{ name: 'swap', end: undefined }]],
  ['zeros', headWith(), []],
  ['text', Buffer.alloc(HEAD, 'EFI PART NTFS FAT32 '), []],
  ['nothing', Buffer.alloc(0), []],
  ['a sector', Buffer.alloc(512), []],
];

t.test('a partition table and each file system are recognised by their bytes, with their end', async (t) => {
  for (const [what, head, expected] of TABLE) t.strictSame(recogniseContent(head), expected, what);
});

t.test('no head is too short to be looked at', async (t) => {
  for (const [, head] of TABLE)
    for (let length = 0; length < 5000; length += 37) recogniseContent(head.subarray(0, length));
  t.pass();
});

const TOOLS: readonly (readonly [program: string, args: readonly string[], name: string])[] = [
  ['/usr/sbin/mkfs.ext4', ['-q', '-F'], 'ext'],
  ['/usr/sbin/mkfs.vfat', ['-F', '32'], 'FAT'],
  ['/usr/sbin/mkfs.ntfs', ['-q', '-F', '-f'], 'NTFS'],
  ['/usr/sbin/mkfs.exfat', [], 'exFAT'],
  ['/usr/sbin/mkfs.xfs', ['-q', '-f'], 'XFS'],
  ['/usr/sbin/mkfs.btrfs', ['-q', '-f'], 'btrfs'],
  ['/usr/sbin/mkswap', [], 'swap'],
];

for (const [program, args, name] of TOOLS) {
  t.test(
    `what ${program} makes is ${name}`,
    { skip: !existsSync(program) && `${program} is not on this machine` },
    async (t) => {
      const path = join(await temporaryFolder(t), 'disk.img');
      await writeFile(path, '');
      // XFS takes nothing smaller.
      await truncate(path, 320 * MIB);
      execFileSync(program, [...args, path], { stdio: 'ignore' });
      const [content] = recogniseContent(await headOf(path));
      t.equal(content?.name, name);
      t.ok((content?.end ?? 0) <= 320 * MIB);
    },
  );
}

t.test(
  'what sfdisk writes is a partition table',
  { skip: !existsSync('/usr/sbin/sfdisk') && 'sfdisk is not on this machine' },
  async (t) => {
    const path = join(await temporaryFolder(t), 'disk.img');
    for (const [label, name] of [
      ['dos', 'MBR'],
      ['gpt', 'GPT'],
    ] as const) {
      await writeFile(path, '');
      await truncate(path, 64 * MIB);
      execFileSync('/usr/sbin/sfdisk', ['-q', path], { input: `label: ${label}\nstart=2048, size=4096\n` });
      t.match(recogniseContent(await headOf(path)), [{ name, end: name === 'GPT' ? 64 * MIB : 6144 * 512 }]);
    }
  },
);

async function headOf(path: string): Promise<Buffer> {
  await using file = await open(path);
  const head = Buffer.alloc(HEAD);
  await file.read(head, 0, head.length, 0);
  return head;
}
