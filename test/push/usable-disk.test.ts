import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openDisk, planPush, push } from '../../src/index.js';
import { stage } from '../support/stage.js';

const MIB = 1024 * 1024;

/** A raw disk with a GPT for sectors of 4,096 bytes. */
async function diskOf4k(folder: string): Promise<string> {
  const content = Buffer.alloc(2 * MIB);
  content.write('EFI PART', 4096, 'latin1');
  content.writeBigUInt64LE(BigInt(content.length / 4096 - 1), 4096 + 32);
  const path = join(folder, 'disk.img');
  await writeFile(path, content);
  return path;
}

t.test(
  'a disk for other sectors than those of an Azure VHD is refused before any request, with the way out',
  async (t) => {
    const { folder, gate, options, uri } = await stage(t);
    await using disk = await openDisk(await diskOf4k(folder));
    t.equal(disk.sectorSize, 4096);
    const to = uri('disk.vhd');
    const refused = {
      code: 'disk-unsupported',
      message: /disk\.img: its sectors have 4096 bytes, those of an Azure VHD 512: the guest finds no partitions/,
      hint: /`forceSectorSize`/,
    };
    await t.rejects(push(disk, { ...options, to }), refused);
    await t.rejects(planPush(disk, { ...options, to }), refused);
    t.equal(gate.records.length, 0);
  },
);

t.test('forced, it is pushed as it is, with one warning', async (t) => {
  const { folder, options, uri } = await stage(t);
  await using disk = await openDisk(await diskOf4k(folder));
  const { outcome, warnings } = await push(disk, { ...options, to: uri('disk.vhd'), forceSectorSize: true });
  t.equal(outcome, 'pushed');
  t.match(warnings, [{ code: 'sector-size', message: /4096 bytes/ }]);
  t.equal(warnings.length, 1);
});
