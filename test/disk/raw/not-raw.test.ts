import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../../fixtures/vhd.js';
import { checkDisk, openDisk } from '../../../src/index.js';
import { temporaryFolder } from '../../support/folder.js';

const MIB = 1024 * 1024;
/** 8 MiB less one track: 512 bytes more are no whole MiB and 512. */
const CHS_SIZE = 8 * MIB - 17 * 512;

/** Returns a sector with a partition table of one partition, in sectors. */
function partitionTable(start: number, count: number): Buffer {
  const sector = Buffer.alloc(512);
  sector.writeUInt8(0x83, 450);
  sector.writeUInt32LE(start, 454);
  sector.writeUInt32LE(count, 458);
  sector.writeUInt16BE(0x55aa, 510);
  return sector;
}

t.test('a part or a damaged copy of a fixed VHD is never taken for a raw disk', async (t) => {
  const folder = await mkdtemp(join(await temporaryFolder(t), 'x'));
  const vhd = async (size: number) => {
    const { path } = await writeImage({
      path: join(folder, `${size}.vhd`),
      type: 'fixed',
      size,
      writes: [{ offset: 0, data: partitionTable(2048, 2048) }],
    });
    return readFile(path);
  };
  const [whole, odd] = [await vhd(8 * MIB), await vhd(CHS_SIZE)];
  const damaged = (content: Buffer) =>
    Buffer.concat([content.subarray(0, -512), Buffer.alloc(8), content.subarray(-504)]);
  const rows: readonly (readonly [name: string, content: Buffer])[] = [
    ['d.vhd.part', whole.subarray(0, 6 * MIB)],
    ['d.vhd (1)', whole.subarray(0, 6 * MIB)],
    ['d.VHD.bak', whole.subarray(0, -512)],
    ['d.vhd.vhdup-part-0123abcd', whole.subarray(0, -512)],
    ['d.img.vhdup-part-0123abcd', whole.subarray(0, -512)],
    ['short.img', whole.subarray(0, MIB + 512 * 1024)],
    ['damaged', damaged(whole)],
    ['zeroed', Buffer.concat([whole.subarray(0, -512), Buffer.alloc(512)])],
    ['damaged of an odd size', damaged(odd)],
  ];
  for (const [name, content] of rows) {
    const path = join(folder, name);
    await writeFile(path, content);
    await t.rejects(openDisk(path), { code: 'disk-invalid' }, name);
    t.not((await checkDisk(path)).errors.length, 0, name);
  }
  const unfinished = join(folder, 'd.img.vhdup-part-0123abcd');
  await t.rejects(openDisk(unfinished, { format: 'raw' }), { code: 'disk-invalid', message: /unfinished pull/ });
  const path = join(folder, 'a.img');
  await writeFile(path, whole.subarray(0, -512));
  await using disk = await openDisk(path);
  t.equal(disk.layers[0]?.format, 'raw', 'a whole one without a footer is a raw disk');
});
