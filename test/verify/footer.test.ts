import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { fixedFooterOf, openDisk, verify, type VerifyResult } from '../../src/index.js';
import { runCli } from '../support/cli.js';
import { stage } from '../support/stage.js';

const MIB = 1024 * 1024;

t.test('equal content under another footer is not equal, and it is said what differs', async (t) => {
  const { folder, container, uri, options, env, pushed } = await stage(t);
  const writes = [{ offset: MIB, data: randomBytes(MIB) }];
  const image = (name: string) =>
    writeImage({ path: join(folder, name), type: 'dynamic' as const, size: 4 * MIB, writes });
  const { path } = await image('disk.vhd');
  await using disk = await openDisk(path);
  await using twin = await openDisk((await image('twin.vhd')).path);
  await pushed(path, { to: uri('disk'), contentMd5: 'never' });
  const compare = (deep: boolean): Promise<VerifyResult> => verify(disk, uri('disk'), { ...options, deep });
  t.match(await compare(true), { equal: true, contentEqual: true, footerCheck: 'equal' });
  t.equal((await compare(false)).contentEqual, undefined, 'content that was not fetched is not called equal');

  const blob = container.getPageBlobClient('disk');
  await blob.uploadPages(fixedFooterOf(twin), 4 * MIB, 512);
  const other = { equal: false, footerCheck: 'other-id', differences: { first: [{ offset: 4 * MIB, length: 512 }] } };
  t.match(await compare(true), { ...other, contentEqual: true });
  const { stdout, exitCode } = await runCli(['verify', path, uri('disk')], env);
  t.equal(exitCode, 9);
  t.match(stdout, /disk: content equal; only the footer \(id\) differs\n/);
  const json = await runCli(['verify', path, uri('disk'), '--json'], env);
  t.match(JSON.parse(json.stdout), { equal: false, contentEqual: true, footerCheck: 'other-id' });

  await blob.uploadPages(Buffer.alloc(512, 1), MIB, 512);
  t.match(await compare(true), { equal: false, footerCheck: 'other-id', contentEqual: false });
  await blob.uploadPages(Buffer.alloc(512), 4 * MIB, 512);
  t.match(await compare(true), { equal: false, footerCheck: 'missing' });
});
