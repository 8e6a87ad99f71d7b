// Compares a disk with a blob, byte for byte.
//
//   npx tsx examples/verify.ts disk.vhd https://ACCOUNT.blob.core.windows.net/CONTAINER/disk.vhd
import { openDisk, verify } from 'vhdup';

const [path, uri] = process.argv.slice(2);
if (path === undefined || uri === undefined) throw new Error('usage: verify.ts DISK URI');

await using disk = await openDisk(path);
// `deep: false` compares only what can be compared without fetching content.
const result = await verify(disk, uri, { deep: true });
if (result.equal) {
  console.log('equal');
} else {
  console.log(`${result.differences.bytes} bytes differ`);
  process.exitCode = 1;
}
